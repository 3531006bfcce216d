"""A thousand faults of all kinds planted in clean sets: what is found of each kind, and what is found besides."""

from pathlib import Path

import pytest

from audits import Write, look
from planted import planted
from planted_sets import SETS, measured


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SETS)
def test_planted_faults_are_found_with_few_false_findings(name: str, seed: int, tmp_path: Path) -> None:
    for one in measured(name, seed, tmp_path):
        least = 0.90 if "near-duplicate" in one.name else 0.95
        assert one.planted > 20
        assert one.recall >= least, one
        assert one.precision >= least, one


def test_a_thousand_faults_are_planted() -> None:
    assert sum(faults for _, _, faults in SETS.values()) == 1000


def test_a_clean_set_has_nothing_to_correct(write: Write) -> None:
    report = look(write("train.jsonl", planted(rows=3000, faults=0, seed=3).rows))
    assert not [one.name for one in report.findings if one.severity != "info"]


@pytest.mark.parametrize("name", SETS)
def test_other_clean_sets_have_nothing_to_correct(name: str, tmp_path: Path) -> None:
    make, rows, _ = SETS[name]
    made = make(rows, 0, 5)
    (tmp_path / "train.jsonl").write_text(made.text)
    report = look(tmp_path / "train.jsonl")
    assert not [one.name for one in report.findings if one.severity != "info"]
