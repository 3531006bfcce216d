"""The extra `presidio`: identifiers beyond the audit's own rules; without it, or its model, one sentence."""

import sys
from pathlib import Path

import pytest

from audits import Write, by_name, lines_of
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import audit_sources
from posttrain.console import Screen
from posttrain.errors import InputError


def look(path: Path, model: str) -> dict[str, list[int]]:
    report = audit_sources([AuditSource(str(path), {})], screen=Screen(quiet=True), workers=1, presidio=model)
    return {name: lines_of(one) for name, one in by_name(report).items()}


@pytest.fixture
def train(write: Write) -> Path:
    rows = [{"prompt": f"What is {n}?", "completion": f"It is number {n}."} for n in range(6)]
    rows[2]["completion"] = "The NHS number of the patient is 943 476 5919."
    rows[4]["prompt"] = "Pay it to 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ, will you?"
    return write("train.jsonl", rows)


def test_identifiers_are_found_by_their_form(train: Path) -> None:
    pytest.importorskip("presidio_analyzer")
    assert look(train, "blank")["personal-data-presidio"] == [3, 5]


def test_a_model_that_is_not_installed_is_an_error(train: Path) -> None:
    pytest.importorskip("presidio_analyzer")
    with pytest.raises(InputError, match="spacy download en_no_such_model"):
        look(train, "en_no_such_model")


def test_presidio_that_is_not_installed_is_an_error(train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(InputError, match=r"pip install 'posttrain\[presidio\]'"):
        look(train, "blank")
