"""The dashboard's figures, compared with counts made by hand."""

import json
import math
import random
from itertools import combinations

import numpy as np
import pytest
from sqlalchemy import Engine, select

from annotating import START, Team, item, team
from posttrain.annotate.db.store import locked_project, reading, writing
from posttrain.annotate.db.tables import people, projects
from posttrain.annotate.insight.dashboard import dashboard, disputed_items
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.insight.project_agreement import measure_agreement
from posttrain.annotate.work.settings import Settings
from posttrain.annotate.work.simulated import simulate
from posttrain.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.rank_distance import pair_verdict


def figures_of(found: Team) -> dict:
    with reading(found.engine) as connection:
        project = connection.execute(select(projects)).one()
        figures = dashboard(connection, project, read_judgments(connection, project), found.at)
    json.dumps(figures, allow_nan=False)  # it is valid JSON
    return figures


def test_an_empty_project_has_no_figures_rather_than_zeros(engine: Engine) -> None:
    figures = figures_of(team(engine))
    assert figures["agreement"]["fleiss_kappa"] == {"value": None, "interval": None, "n": 0}
    assert figures["length_bias"]["value"] is None
    assert figures["position_bias"] == []
    assert figures["people"] == []
    assert figures["progress"]["missing"] == 0


def test_progress_counts_judgments_disputes_and_missing_judgments(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", slice="x" if n else "y") for n in range(3)), overlap=2)
    found.rank("ann", "a>b")
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    figures = figures_of(found)
    assert figures["progress"]["states"] == {"open": 2, "disputed": 1}
    assert (figures["progress"]["judgments"], figures["progress"]["missing"]) == (3, 3)
    assert figures["progress"]["last_24_hours"] == 3
    assert figures["pace"] == [{"day": START // 86400 * 86400, "judgments": 3}]
    assert set(figures["agreement_by_slice"]) == {"x", "y"}
    with reading(engine) as connection:
        worst = disputed_items(read_judgments(connection, connection.execute(select(projects)).one()))
    assert [(one["name"], one["disagreement"]) for one in worst] == [("item 0", 1.0)]


def test_full_agreement_is_one_with_an_interval_and_opposites_are_below_chance(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(12)), overlap=2, disagreement=0.99)
    for n in range(12):
        for name in ("ann", "bob"):
            found.rank(name, "a>b>c" if n % 2 else "c>b>a")
    for name, figure in figures_of(found)["agreement"].items():
        assert (name, figure["value"], figure["n"]) == (name, pytest.approx(1), 12)
        assert figure["interval"] == pytest.approx((1, 1))
    with reading(engine) as connection:
        judged = read_judgments(connection, connection.execute(select(projects)).one())
    assert measure_agreement(judged, among=())["fleiss_kappa"] == Estimate(None, 0, counted="items")


def test_agreement_equals_that_of_one_table_of_all_verdicts_with_missing_ones(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(30)), overlap=3, disagreement=0.99)
    rng, table = random.Random(0), []
    for n in range(30):
        names = rng.sample(("ann", "bob", "cem", "ada"), 3)
        orders = {name: rng.choice(("a>b>c", "a>c>b", "b>a=c", "c>b>a", "a=b=c")) for name in names}
        for name, order in orders.items():
            assert found.next(name).item_name == f"item {n}"
            found.rank(name, order)
        table.append(orders)
    with reading(engine) as connection:
        every = read_judgments(connection, connection.execute(select(projects)).one())
    ratings = []
    for orders in table:
        ranks = {
            name: {c: level for level, some in enumerate(order.split(">")) for c in some.split("=")}
            for name, order in orders.items()
        }
        for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
            people_in_order = ("ann", "bob", "cem", "ada")
            ratings.append([pair_verdict(ranks[n], a, b) if n in ranks else math.nan for n in people_in_order])
    array = np.array(ratings, dtype=float)
    figures = {name: estimate.value for name, estimate in measure_agreement(every).items()}
    kappas = [cohen_kappa(array[:, i], array[:, j]) for i, j in combinations(range(4), 2)]
    assert figures["krippendorff_alpha_nominal"] == pytest.approx(krippendorff_alpha(array))
    assert figures["krippendorff_alpha_ordinal"] == pytest.approx(krippendorff_alpha(array, "ordinal"))
    assert figures["fleiss_kappa"] == pytest.approx(fleiss_kappa(array))
    assert figures["cohen_kappa_mean"] == pytest.approx(np.nanmean(kappas))
    assert 0 <= figures["kendall_w_mean"] <= 1


def test_agreement_by_slice_and_by_day_has_intervals(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3, slice="xy"[n % 2]) for n in range(12)), overlap=2, disagreement=0.99)
    for n in range(12):
        found.at = START + 86_400 * (n // 6)  # six items a day
        for name in ("ann", "bob"):
            found.rank(name, "a>b>c" if name == "ann" or n < 6 else "c>b>a")
    figures = figures_of(found)
    days = figures["agreement_over_time"]
    assert [(day["day"] - days[0]["day"], day["n"]) for day in days] == [(0, 6), (86_400, 6)]
    assert days[1]["value"] < 0
    for name in ("x", "y"):
        for measure, figure in figures["agreement_by_slice"][name].items():
            assert figure["n"] == 6
            assert figure["interval"][0] <= figure["value"] <= figure["interval"][1], measure
    for one in figures["people"]:
        assert one["agreement_with_the_rest"]["value"] == 0.5
        assert one["agreement_with_the_rest"]["interval"][0] < 0.5 < one["agreement_with_the_rest"]["interval"][1]


def test_gold_items_measure_each_persons_accuracy(engine: Engine) -> None:
    gold = [item(f"gold {n}", gold={"a": 1, "b": 2}) for n in range(4)]
    found = team(engine, *gold, gold_every=1)
    for n in range(4):
        found.rank("ann", "a>b")
        found.rank("bob", "a>b" if n == 0 else "b>a")
    figures = {one["name"]: one["gold_accuracy"] for one in figures_of(found)["people"]}
    assert figures["ann"] == {"value": 1.0, "interval": (1.0, 1.0), "n": 4}
    assert figures["bob"]["value"] == 0.25


def test_a_person_who_always_prefers_the_first_place_has_position_bias(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(30)))
    for _ in range(30):
        held = found.next("ann")
        assert held is not None
        found.rank("ann", ">".join(held.shown))
    places = figures_of(found)["position_bias"]
    assert [one["value"] for one in places] == [1.0, 0.0, 0.0]
    assert places[0]["interval"][0] > 0.8


def test_simulated_annotators_who_prefer_long_texts_have_length_bias(engine: Engine) -> None:
    long = [{"id": "a", "text": "short"}, {"id": "b", "text": "a much longer text"}]
    one = item("x")
    found = team(engine, *(type(one)(f"item {n}", "?", long) for n in range(20)), overlap=2)
    for number in (1, 2):
        with writing(engine) as connection:
            project = locked_project(connection, found.project)
            assert simulate(connection, project, found.at, lambda _, text: len(text), number=number) == 20
    figures = figures_of(found)
    assert figures["length_bias"]["value"] == 1.0
    assert figures["length_bias"]["n"] == 40
    assert figures["position_bias"] == [], "simulated annotators do not count"
    with reading(engine) as connection:
        names = connection.execute(select(people.c.name).where(people.c.origin == "simulated")).scalars().all()
    assert names == ["simulated annotator 1", "simulated annotator 2"]


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="less than the overlap"):
        Settings(overlap=3, most=2)
    with pytest.raises(ValueError, match="twice"):
        Settings(criteria=("tone", "tone"))
