"""A thousand faults of all kinds planted in a clean set: what is found of each kind, and what is found besides."""

import pytest

from audits import Write, by_name, lines_of, look
from planted import PLANTS, planted


@pytest.mark.parametrize("seed", [0, 1])
def test_a_thousand_planted_faults_are_found_and_little_else(write: Write, seed: int) -> None:
    made = planted(rows=6000, faults=1000, seed=seed)
    found = by_name(look(write("train.jsonl", made.rows)))
    for name in PLANTS:
        should, did = made.lines[name], set(lines_of(found.get(name)))
        recall = len(should & did) / len(should)
        precision = len(should & did) / max(1, len(did))
        least = 0.90 if name == "near-duplicate" else 0.95
        print(f"{name}: {len(should)} planted, recall {recall:.3f}, precision {precision:.3f}")
        assert recall >= least, (name, sorted(should - did)[:5])
        assert precision >= least, (name, sorted(did - should)[:5])


def test_a_clean_set_has_nothing_to_mend(write: Write) -> None:
    report = look(write("train.jsonl", planted(rows=3000, faults=0, seed=3).rows))
    assert not [one.name for one in report.findings if one.severity != "info"]
