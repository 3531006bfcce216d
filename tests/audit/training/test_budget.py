"""The findings of a budget: the severity of too long rows, and the rows with unknown characters."""

from types import SimpleNamespace
from typing import Any

import pytest

from posttrain.audit.findings import Severity
from posttrain.audit.training.budget import Budget, budget_findings, unknown_character
from posttrain.data.example import Example
from posttrain.data.skipped import SkipReason


@pytest.mark.parametrize(("kept", "severity"), [(0, "block"), (1, "warn")])
def test_too_long_rows_block_if_no_other_row_is_left(kept: int, severity: Severity) -> None:
    findings = budget_findings(Budget(kept, 0, 9 * kept, {SkipReason.TOO_LONG: ["a.jsonl:1", "a.jsonl:2"]}))
    assert [(one.name, one.severity, one.count) for one in findings] == [("rows-too-long", severity, 2)]


@pytest.fixture(scope="module")
def letters() -> Any:
    """A tokenizer of small letters and the blank, without the line break."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {name: n for n, name in enumerate(["[UNK]", " ", *"abcdefghijklmnopqrstuvwxyz"])}
    made = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")  # type: ignore[assignment]
    return SimpleNamespace(tokenizer=PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]"))


@pytest.mark.parametrize(
    ("prompt", "completion", "unknown"),
    [("say it", "it is", None), ("say\nit", "it is", "\n"), ("say it", "It is", "I"), ("the [UNK] sign", "yes", None)],
)
def test_a_character_without_a_token_is_named(letters: Any, prompt: str, completion: str, unknown: str | None) -> None:
    turns = ({"role": "user", "content": prompt},), (({"role": "assistant", "content": completion},),)
    assert unknown_character(Example("a.jsonl:1", *turns), letters) == unknown
    findings = budget_findings(Budget(1, 0, 9, unknown={} if unknown is None else {"a.jsonl:1": unknown}))
    assert [one.name for one in findings] == ([] if unknown is None else ["unknown-characters"])
