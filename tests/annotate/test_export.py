"""Exports of judgments: the pairs, their weights, and the origin of each row."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from annotating import Team, in_places, item, team
from posttrain.annotate.db.store import locked_project, open_store, reading, writing
from posttrain.annotate.db.tables import projects
from posttrain.annotate.exchange.aggregate import (
    RELIABILITY_STD,
    SCORE_STD,
    Consensus,
    majority_consensus,
    plackett_luce_consensus,
)
from posttrain.annotate.exchange.export import write_export
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.pairs import pair_weight, ranked_pairs
from posttrain.annotate.exchange.trace import trace_row
from posttrain.annotate.people.credentials import new_token
from posttrain.annotate.web.app import make_app
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.sets.split import prompt_key
from posttrain.errors import InputError
from posttrain.statistics.rank_distance import pair_verdict

ranks = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(1, k), min_size=k, max_size=k).map(lambda r: dict(zip("abcde", r, strict=False))),
        min_size=1,
    )
)


def exported(found: Team, out: Path, **options: Any) -> dict[str, Any]:
    with reading(found.engine) as connection:
        project = connection.execute(select(projects)).one()
        return write_export(connection, project, ExportOptions(**options), out)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def selected(consensus: Consensus, selection: Any) -> set[str]:
    return {pair.better + pair.worse for pair in ranked_pairs(consensus, selection)}


def test_each_selection_of_pairs_takes_the_pairs_that_its_name_means() -> None:
    one = majority_consensus([{"a": 1, "b": 2, "c": 2, "d": 3}])
    assert selected(one, "all") == {"ab", "ac", "ad", "bd", "cd"}
    assert selected(one, "adjacent") == {"ab", "ac", "bd", "cd"}
    assert selected(one, "best-worst") == {"ad"}
    assert selected(one, "best-vs-rest") == {"ab", "ac", "ad"}
    assert selected(majority_consensus([{"a": 1, "b": 1}]), "all") == set()


def test_every_prompt_has_the_same_weight_under_every_selection_of_pairs() -> None:
    for k in range(2, 8):
        one = majority_consensus([{name: n for n, name in enumerate("abcdefg"[:k], 1)}])
        for selection in ("all", "adjacent", "best-worst", "best-vs-rest"):
            assert len(ranked_pairs(one, selection)) * pair_weight(k, selection) == pytest.approx(1)
    assert pair_weight(4, "all") == 1 / 6


def test_the_majority_decides_each_pair_and_ties_count_against() -> None:
    one = majority_consensus([{"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 1}])
    assert [(p.better, p.worse, p.support) for p in ranked_pairs(one, "all")] == [("a", "b", pytest.approx(2 / 3))]
    assert ranked_pairs(one, "all", least=0.7) == []
    assert ranked_pairs(majority_consensus([{"a": 1, "b": 2}, {"a": 2, "b": 1}]), "all") == []


@given(ranks)
def test_the_majority_never_goes_against_more_people_than_it_follows(rankings: list[dict[str, int]]) -> None:
    for pair in ranked_pairs(majority_consensus(rankings), "all"):
        votes = [pair_verdict(one, pair.better, pair.worse) for one in rankings]
        assert votes.count(1) > votes.count(-1)
        assert pair.support == votes.count(1) / len(rankings)


def negative_log_posterior(x: np.ndarray, rankings: list[list[tuple[str, dict[str, int]]]], people: list[str]) -> float:
    """The formula, judgment by judgment and choice by choice."""
    k = len(rankings[0][0][1])
    theta, log_b = x[: len(rankings) * k].reshape(-1, k), x[len(rankings) * k :]
    total = -(theta**2).sum() / (2 * SCORE_STD**2) - (log_b**2).sum() / (2 * RELIABILITY_STD**2)
    for scores, some in zip(theta, rankings, strict=True):
        for person, order in some:
            b = math.exp(log_b[people.index(person)])
            for n, rank in enumerate(order.values()):
                left = [math.exp(b * scores[m]) for m, other in enumerate(order.values()) if other >= rank]
                total += b * scores[n] - math.log(sum(left))
    return -total


def test_scores_and_reliabilities_are_those_of_an_independent_optimiser() -> None:
    rng = np.random.default_rng(0)
    rankings: list[list[tuple[str, dict[str, int]]]] = []
    for _ in range(25):
        truth = rng.permutation(3)
        some = []
        for person in ("careful", "careful too", "random"):
            order = rng.permutation(3) if person == "random" else truth
            if rng.random() < 0.2:
                order = np.minimum(order, 1)  # a tie
            some.append((person, {name: int(rank) + 1 for name, rank in zip("abc", order, strict=True)}))
        rankings.append(some)
    people = ["careful", "careful too", "random"]
    best = minimize(negative_log_posterior, np.zeros(25 * 3 + 3), args=(rankings, people), method="L-BFGS-B")
    found, reliability = plackett_luce_consensus(rankings)
    ours = np.array([list(one.scores.values()) for one in found])
    np.testing.assert_allclose(ours, best.x[:75].reshape(25, 3), atol=2e-3)
    np.testing.assert_allclose([reliability[p] for p in people], np.exp(best.x[75:]), atol=2e-3)
    assert reliability["random"] < 0.5 < reliability["careful"]


def test_with_two_candidates_and_one_person_it_is_the_bradley_terry_model() -> None:
    found, _ = plackett_luce_consensus([[("p", {"a": 1, "b": 2})]])
    scores = found[0].scores
    assert found[0].support("a", "b") == pytest.approx(1 / (1 + math.exp(scores["b"] - scores["a"])))
    assert 0.5 < found[0].support("a", "b") < 1


@pytest.fixture
def ranked(engine: Engine) -> Team:
    more = [item(f"item {n}", k=3) for n in range(20)]
    found = team(engine, *more, overlap=2, disagreement=0.9)
    for _ in range(20):
        for name in ("ann", "bob"):
            found.rank(name, "a>b>c")
    return found


def test_an_export_has_pairs_that_our_readers_accept_and_a_split_by_prompt(ranked: Team, tmp_path: Path) -> None:
    manifest = exported(ranked, tmp_path / "out", validation=0.3)
    parts = {
        part: list(read_examples(read_rows(tmp_path / f"out/{part}.jsonl"), "preference")) for part in manifest["rows"]
    }
    prompts = {part: {prompt_key(e) for e in some} for part, some in parts.items()}
    assert not prompts["train"] & prompts["validation"]
    assert {len(some) for some in prompts.values()} != {0}
    assert sum(manifest["rows"].values()) == 60
    row = read_lines(tmp_path / "out/train.jsonl")[0]
    assert row["meta_weight"] == pytest.approx(1 / 3)
    assert {"prompt", "chosen", "rejected"} <= set(row)
    assert all(name.startswith("meta_") for name in set(row) - {"prompt", "chosen", "rejected"})
    assert set(manifest["from"]) == {
        r["meta_id"] for p in manifest["rows"] for r in read_lines(tmp_path / f"out/{p}.jsonl")
    }


def test_every_row_is_traced_to_its_judgments_their_people_display_orders_and_guideline(
    ranked: Team, tmp_path: Path
) -> None:
    for what in ("pairs", "rankings"):
        exported(ranked, tmp_path / what, what=what)
        n = len(read_lines(tmp_path / what / "train.jsonl"))
        for line in (1, n):
            traced = trace_row(ranked.engine, f"{tmp_path}/{what}/train.jsonl:{line}")
            row = read_lines(tmp_path / what / "train.jsonl")[line - 1]
            assert traced["item"] == row.get("meta_item", row.get("id"))
            assert {one["person"] for one in traced["judgments"]} == (
                {"ann", "bob"} if what == "pairs" else {row["annotator"]}
            )
            assert all(judgment["unchanged"] for judgment in traced["judgments"])
            assert all(sorted(judgment["shown_order"]) == ["a", "b", "c"] for judgment in traced["judgments"])
            assert all("Read the prompt" in one["guideline"] for one in traced["judgments"])
            assert set(traced["params_hash"].values()) <= {letter * 64 for letter in "abc"}
        with pytest.raises(InputError, match="no such row"):
            trace_row(ranked.engine, f"{tmp_path}/{what}/train.jsonl:{n + 1}")


def test_parquet_has_the_same_rows_as_json_lines(ranked: Team, tmp_path: Path) -> None:
    for form in ("jsonl", "parquet"):
        exported(ranked, tmp_path / form, form=form)
    a, b = (
        list(read_examples(read_rows(tmp_path / f"{form}/train.{form}"), "preference")) for form in ("jsonl", "parquet")
    )
    assert [(e.prompt, e.completions) for e in a] == [(e.prompt, e.completions) for e in b]


def test_exported_rankings_have_all_their_columns_and_are_training_rows(ranked: Team, tmp_path: Path) -> None:
    exported(ranked, tmp_path / "out", what="rankings")
    row = read_lines(tmp_path / "out/train.jsonl")[0]
    named = {"id", "prompt", "candidates", "ranks", "annotator", "shown_order", "guideline_version", "duration_ms"}
    assert named <= set(row)
    assert len(list(read_examples(read_rows(tmp_path / "out/train.jsonl"), "preference"))) == 40


def test_unfinished_simulated_and_gold_items_are_left_out_and_counted(engine: Engine, tmp_path: Path) -> None:
    gold = item("gold", gold={"a": 1, "b": 2})
    found = team(engine, gold, *(item(f"item {n}") for n in range(4)), overlap=1, gold_every=1)
    found.rank("ann", "a>b")
    found.rank("ann", "a>b")
    found.rank("ann", "a>b", origin="simulated")
    manifest = exported(found, tmp_path / "out")
    assert manifest["rows"] == {"train": 1, "validation": 0}
    assert manifest["left_out"] == {"not judged by all yet": 2, "no judgment that counts": 1}
    exported(found, tmp_path / "marked", simulated=True)
    assert [row["meta_simulated"] for row in read_lines(tmp_path / "marked/train.jsonl")] == [False, True]


def test_the_adjudicators_judgment_replaces_the_judgments_that_disagreed(engine: Engine, tmp_path: Path) -> None:
    found = team(engine, item("one"), overlap=2)
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    with pytest.raises(InputError, match="1 disputed"):
        exported(found, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    found.rank("ada", "b>a", "adjudication")
    exported(found, tmp_path / "out")
    (row,) = read_lines(tmp_path / "out/train.jsonl")
    assert row["chosen"].startswith("b")
    assert row["meta_people"] == 1


def test_messages_stay_messages_and_a_folder_is_not_overwritten(engine: Engine, tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hi"}]
    one = item("one")
    found = team(engine, type(one)("one", talk, one.candidates, about={"tools": []}))
    found.rank("ann", "b>a")
    exported(found, tmp_path / "out")
    (row,) = read_lines(tmp_path / "out/train.jsonl")
    assert row["prompt"] == talk
    assert row["chosen"] == [{"role": "assistant", "content": "b answers one"}]
    with pytest.raises(InputError, match="there already"):
        exported(found, tmp_path / "out")


def test_a_broken_chain_is_not_exported(engine: Engine, tmp_path: Path) -> None:
    found = team(engine, item("one"))
    found.rank("ann", "a>b")
    with writing(engine) as connection:
        locked_project(connection, found.project)
        connection.execute(projects.update().values(head="0" * 64))
    with pytest.raises(InputError, match="chain"):
        exported(found, tmp_path / "out")


def test_a_stored_lone_surrogate_stops_no_export(tmp_path: Path) -> None:
    found = team(open_store(tmp_path / "a.db"), item("one"), rewrite=True)
    assignment = found.next("ann")
    assert assignment is not None
    found.say("ann", assignment, in_places(assignment, "a>b", rewrite="good \ud800"))
    exported(found, tmp_path / "out", what="sft")
    (row,) = read_lines(tmp_path / "out/train.jsonl")
    assert row["completion"] == "good ?"
    with TestClient(make_app(found.engine)) as http:
        for name, path in (("ann", f"/api/v1/assignments/{assignment.id}"), ("owen", "/projects/1/items/1")):
            with writing(found.engine) as connection:
                secret = new_token(connection, found.people[name], "t", found.at)[1]
            answer = http.get(path, headers={"Authorization": f"Bearer {secret}"})
            assert (answer.status_code, "good ?" in answer.text) == (200, True)
    found.engine.dispose()
