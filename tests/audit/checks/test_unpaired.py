"""The audit of rows with a label finds one-sided, unbalanced and contradictory labels, and nothing on other rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources
from posttrain.console import Screen


def audited(folder: Path, labels: Sequence[Any], *, same: int = 0) -> AuditReport:
    """The report on rows with these labels; the first `same` of them have one prompt and one answer."""
    path = folder / "rows.jsonl"
    rows = [
        {"prompt": f"Question {0 if n < same else n}?", "completion": f"Answer {0 if n < same else n}.", "label": label}
        for n, label in enumerate(labels)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return audit_sources([AuditSource(str(path), {})], against=[], screen=Screen(quiet=True))


def names(report: AuditReport) -> set[str]:
    return {finding.name for finding in report.findings} & {
        "one-sided-labels",
        "label-balance",
        "contradictory-labels",
        "exact-duplicates",
        "contradictory-answers",
    }


@pytest.mark.parametrize("label", [True, False])
def test_labels_of_one_side_are_a_warning(tmp_path: Path, label: bool) -> None:
    report = audited(tmp_path, [label] * 12)
    (finding,) = (f for f in report.findings if f.name == "one-sided-labels")
    assert (finding.severity, finding.count) == ("warn", 12)
    assert f"the label {str(label).lower()}," in finding.what


@pytest.mark.parametrize(("good", "bad", "found"), [(6, 6, False), (8, 6, False), (9, 6, True), (5, 6, True)])
def test_the_balance_is_noted_outside_the_range_of_the_paper(tmp_path: Path, good: int, bad: int, found: bool) -> None:
    report = audited(tmp_path, [True] * good + [False] * bad)
    assert ("label-balance" in names(report)) == found
    assert report.figures["unpaired"] == {"good": good, "bad": bad}


def test_an_answer_with_both_labels_is_a_contradiction_and_no_duplicate(tmp_path: Path) -> None:
    report = audited(tmp_path, [True, False, True, False], same=2)
    (finding,) = (f for f in report.findings if f.name == "contradictory-labels")
    assert [where.rpartition(":")[2] for where in finding.rows] == ["1", "2"]
    assert names(report) == {"contradictory-labels"}


def test_a_class_is_no_label(tmp_path: Path) -> None:
    report = audited(tmp_path, ["sports", "politics"] * 6)
    assert not names(report)
    assert "unpaired" not in report.figures
