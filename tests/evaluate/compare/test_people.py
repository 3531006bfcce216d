"""People's verdicts: agreement with a judge on PandaLM against scikit-learn, and blind pairs and their way back."""

from collections import Counter
from pathlib import Path

import pytest
from sklearn.metrics import cohen_kappa_score

from comparing import pair_of
from posttrain.data.files.read import read_rows
from posttrain.errors import InputError
from posttrain.evaluate.compare.blind_pairs import blind_rows, pairs_of_key, plurality, verdicts_of_people, vote_of
from posttrain.evaluate.compare.pairs import Outcome
from posttrain.evaluate.compare.people_agreement import agreement_with_people
from posttrain.evaluate.compare.verdicts import win_rate

CODES: dict[str, Outcome] = {"1": "A", "2": "B"}


def outcome_of(value: object) -> Outcome:
    return CODES.get(str(value), "tie")


@pytest.mark.parametrize(("judge", "column"), [("gpt_3_5_turbo", "gpt_result"), ("pandalm_7b", "pandalm_result")])
def test_agreement_on_pandalm_is_that_of_scikit_learn(data_dir: Path, judge: str, column: str) -> None:
    folder = data_dir / "preference"
    people = {
        str(row.values["idx"]): {f"p{n}": outcome_of(row.values[f"annotator{n}"]) for n in (1, 2, 3)}
        for row in read_rows(folder / "pandalm_testset_v1.jsonl.gz")
    }
    verdicts = {
        str(row.values["idx"]): outcome_of(row.values[column])
        for row in read_rows(folder / f"pandalm_judge_{judge}.jsonl.gz")
    }
    found = agreement_with_people(verdicts, people)
    majority = [plurality(people[name]) for name in verdicts]
    given = [*verdicts.values()]
    assert Counter(majority) == {"tie": 105, "A": 422, "B": 472}  # as published with the test set
    assert found.agreement.n == 999
    assert found.agreement.value == pytest.approx(sum(a == b for a, b in zip(given, majority, strict=True)) / 999)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(given, majority), abs=1e-9)
    assert found.kappa.interval is not None
    assert found.kappa.interval[0] < float(found.kappa.value or 0) < found.kappa.interval[1]
    assert found.among_people.n == 3 * 999
    assert found.alpha == pytest.approx(0.8642, abs=5e-5)  # `posttrain annotate agreement`, docs/annotate.md


def test_no_majority_is_a_tie() -> None:
    assert plurality({"x": "A", "y": "B"}) == "tie"
    assert plurality({"x": "A", "y": "B", "z": "tie"}) == "tie"
    assert plurality({"x": "A", "y": "A", "z": "B"}) == "A"


def test_blind_rows_hide_the_models_and_the_key_brings_them_back() -> None:
    pairs = [pair_of(i, f"long answer {i}", f"short {i}", slice="s") for i in range(200)] + [pair_of(200, "x", "x")]
    rows, keys = blind_rows(pairs, seed=1)
    assert pairs_of_key(keys) == pairs
    assert len(rows) == 200
    assert {tuple(row) for row in rows} == {("id", "prompt", "candidates", "slice")}
    assert {tuple(c) for row in rows for c in row["candidates"]} == {("id", "text")}
    firsts = Counter(row["candidates"][0]["text"].split()[0] for row in rows)
    assert 70 < firsts["long"] < 130
    votes = {
        row["id"]: {
            name: vote_of(
                pairs[int(row["id"])],
                {c["id"]: c["text"] for c in row["candidates"]},
                {c["id"]: 1 if c["text"].startswith("long") else 2 for c in row["candidates"]},
                "f:1",
            )
            for name in ("one", "two")
        }
        for row in rows[:150]
    }
    rate = win_rate(verdicts_of_people(pairs, votes))
    assert (rate.wins, rate.losses, rate.ties, rate.not_judged) == (150, 0, 1, 50)


def test_ranks_of_other_answers_are_refused() -> None:
    with pytest.raises(InputError, match="f:3: the candidates of '0' are not the answers"):
        vote_of(pair_of(0, "a", "b"), {"1": "a", "2": "changed"}, {"1": 1, "2": 2}, "f:3")
