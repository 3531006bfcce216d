"""The dashboard's figures, against counts made by hand."""

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
from posttrain.annotate.insight.judgments import spoken
from posttrain.annotate.insight.project_agreement import agreement
from posttrain.annotate.work.settings import Settings
from posttrain.annotate.work.simulated import simulate
from posttrain.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from posttrain.statistics.rank_distance import verdict


def figures_of(found: Team) -> dict:
    with reading(found.engine) as connection:
        project = connection.execute(select(projects)).one()
        told = dashboard(connection, project, spoken(connection, project), found.at)
    json.dumps(told, allow_nan=False)  # ready to be sent
    return told


def test_an_empty_project_has_no_figures_rather_than_zeros(engine: Engine) -> None:
    told = figures_of(team(engine))
    assert told["agreement"]["fleiss_kappa"] == {"value": None, "interval": None, "n": 0}
    assert told["length_bias"]["value"] is None
    assert told["position_bias"] == []
    assert told["people"] == []
    assert told["progress"]["missing"] == 0


def test_progress_counts_judgments_disputes_and_what_is_missing(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", slice="x" if n else "y") for n in range(3)), overlap=2)
    found.rank("ann", "a>b")
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    told = figures_of(found)
    assert told["progress"]["states"] == {"open": 2, "disputed": 1}
    assert (told["progress"]["judgments"], told["progress"]["missing"]) == (3, 3)
    assert told["progress"]["last_24_hours"] == 3
    assert told["pace"] == [{"day": START // 86400 * 86400, "judgments": 3}]
    assert set(told["agreement_by_slice"]) == {"x", "y"}
    with reading(engine) as connection:
        worst = disputed_items(spoken(connection, connection.execute(select(projects)).one()))
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
        said = spoken(connection, connection.execute(select(projects)).one())
    assert agreement(said, among=())["fleiss_kappa"] == {"value": None, "interval": None, "n": 0}


def test_figures_are_those_of_one_table_of_all_verdicts_with_what_is_missing(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(30)), overlap=3, disagreement=0.99)
    rng, table = random.Random(0), []
    for n in range(30):
        names = rng.sample(("ann", "bob", "cem", "ada"), 3)
        said = {name: rng.choice(("a>b>c", "a>c>b", "b>a=c", "c>b>a", "a=b=c")) for name in names}
        for name, order in said.items():
            assert found.next(name).item_name == f"item {n}"
            found.rank(name, order)
        table.append(said)
    with reading(engine) as connection:
        every = spoken(connection, connection.execute(select(projects)).one())
    ratings = []
    for said in table:
        ranks = {
            name: {c: level for level, some in enumerate(order.split(">")) for c in some.split("=")}
            for name, order in said.items()
        }
        for a, b in (("a", "b"), ("a", "c"), ("b", "c")):
            ratings.append([verdict(ranks[n], a, b) if n in ranks else math.nan for n in ("ann", "bob", "cem", "ada")])
    array = np.array(ratings, dtype=float)
    figures = {name: figure["value"] for name, figure in agreement(every).items()}
    kappas = [cohen_kappa(array[:, i], array[:, j]) for i, j in combinations(range(4), 2)]
    assert figures["krippendorff_alpha_nominal"] == pytest.approx(krippendorff_alpha(array))
    assert figures["krippendorff_alpha_ordinal"] == pytest.approx(krippendorff_alpha(array, "ordinal"))
    assert figures["fleiss_kappa"] == pytest.approx(fleiss_kappa(array))
    assert figures["cohen_kappa_mean"] == pytest.approx(np.nanmean(kappas))
    assert 0 <= figures["kendall_w_mean"] <= 1


def test_agreement_is_told_by_slice_and_by_day_each_with_its_interval(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3, slice="xy"[n % 2]) for n in range(12)), overlap=2, disagreement=0.99)
    for n in range(12):
        found.at = START + 86_400 * (n // 6)  # six items a day
        for name in ("ann", "bob"):
            found.rank(name, "a>b>c" if name == "ann" or n < 6 else "c>b>a")
    told = figures_of(found)
    days = told["agreement_over_time"]
    assert [(day["day"] - days[0]["day"], day["n"]) for day in days] == [(0, 6), (86_400, 6)]
    assert days[1]["value"] < 0
    for name in ("x", "y"):
        for measure, figure in told["agreement_by_slice"][name].items():
            assert figure["n"] == 6
            assert figure["interval"][0] <= figure["value"] <= figure["interval"][1], measure
    for one in told["people"]:
        assert one["agreement_with_the_rest"]["value"] == 0.5
        assert one["agreement_with_the_rest"]["interval"][0] < 0.5 < one["agreement_with_the_rest"]["interval"][1]


def test_gold_tells_how_careful_each_person_is(engine: Engine) -> None:
    gold = [item(f"gold {n}", gold={"a": 1, "b": 2}) for n in range(4)]
    found = team(engine, *gold, gold_every=1)
    for n in range(4):
        found.rank("ann", "a>b")
        found.rank("bob", "a>b" if n == 0 else "b>a")
    told = {one["name"]: one["gold_accuracy"] for one in figures_of(found)["people"]}
    assert told["ann"] == {"value": 1.0, "interval": (1.0, 1.0), "n": 4}
    assert told["bob"]["value"] == 0.25


def test_a_person_who_always_takes_the_first_place_shows_as_position_bias(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(30)))
    for _ in range(30):
        held = found.next("ann")
        assert held is not None
        found.rank("ann", ">".join(held.shown))
    places = figures_of(found)["position_bias"]
    assert [one["value"] for one in places] == [1.0, 0.0, 0.0]
    assert places[0]["interval"][0] > 0.8


def test_simulated_annotators_who_like_long_texts_show_as_length_bias(engine: Engine) -> None:
    long = [{"id": "a", "text": "short"}, {"id": "b", "text": "a much longer text"}]
    one = item("x")
    found = team(engine, *(type(one)(f"item {n}", "?", long) for n in range(20)), overlap=2)
    for number in (1, 2):
        with writing(engine) as connection:
            project = locked_project(connection, found.project)
            assert simulate(connection, project, found.at, lambda _, text: len(text), number=number) == 20
    told = figures_of(found)
    assert told["length_bias"]["value"] == 1.0
    assert told["length_bias"]["n"] == 40
    assert told["position_bias"] == [], "a program has no eyes"
    with reading(engine) as connection:
        names = connection.execute(select(people.c.name).where(people.c.origin == "simulated")).scalars().all()
    assert names == ["simulated annotator 1", "simulated annotator 2"]


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="less than the overlap"):
        Settings(overlap=3, most=2)
    with pytest.raises(ValueError, match="twice"):
        Settings(criteria=("tone", "tone"))
