"""The columns of a new recipe: standard names, guesses from the names, and the refusal to guess."""

from collections.abc import Mapping
from typing import Any

import pytest

from posttrain.audit.rows.stage_columns import stage_columns
from posttrain.data.files.read import Row
from posttrain.data.formats.conventions import Kind
from posttrain.errors import InputError

TURNS = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "b"}]
HUMAN = "\n\nHuman: a?\n\nAssistant: "


@pytest.mark.parametrize(
    ("kind", "values", "columns"),
    [
        ("sft", {"prompt": "a", "completion": "b"}, {}),
        ("sft", {"messages": TURNS}, {}),
        ("sft", {"instruction": "a", "input": "", "output": "b"}, {}),
        ("sft", {"text": "a story"}, {}),
        ("sft", {"text": "a review", "label": "good"}, {"prompt": "text", "completion": "label"}),
        (
            "sft",
            {"Field note": "a", "Structured record": "b"},
            {"prompt": "Field note", "completion": "Structured record"},
        ),
        ("prompt", {"question": "a?", "answer": "4"}, {"prompt": "question"}),
        ("prompt", {"instruction": "a", "output": "b"}, {"prompt": "instruction"}),
        ("preference", {"question": "a?", "chosen": "b", "rejected": "c"}, {"prompt": "question"}),
        ("preference", {"chosen": HUMAN + "b", "rejected": HUMAN + "c"}, {}),
        ("unpaired", {"question": "a?", "answer": "b", "label": True}, {"prompt": "question", "completion": "answer"}),
    ],
)
def test_columns_are_standard_or_guessed_from_their_names(
    kind: Kind, values: Mapping[str, Any], columns: Mapping[str, str]
) -> None:
    assert stage_columns(Row("a.jsonl:1", values), kind, {}) == columns


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("sft", {"a": "x", "b": "y", "c": "z"}, ("a, b, c", "--columns prompt=a,completion=b")),
        ("sft", {"prompt": "a"}, ("has prompt", "--columns")),
        ("sft", {"prompt": "a", "chosen": "b", "rejected": "c"}, ("these are preference rows",)),
        ("sft", {"prompt": "a", "completion": "b", "label": True}, ("kind kto",)),
        (
            "preference",
            {"a": "x", "good": "y", "bad": "z"},
            ("a, good, bad", "--columns prompt=a,chosen=good,rejected=bad"),
        ),
        ("unpaired", {"question": "a?", "answer": "b", "thumb": True}, ("prompt, completion, label", "thumb")),
    ],
)
def test_what_is_unclear_is_refused_with_the_columns_and_the_option_that_names_them(
    kind: Kind, values: Mapping[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as refusal:
        stage_columns(Row("a.jsonl:1", values), kind, {})
    for part in ("a.jsonl:1", *words):
        assert part in str(refusal.value)


def test_columns_that_the_user_names_are_not_guessed() -> None:
    row = Row("a.csv:2", {"question": "a?", "answer": "b", "reply": "c"})
    named = {"prompt": "question", "completion": "reply"}
    assert stage_columns(row, "sft", named) == named
    with pytest.raises(InputError, match=r"no column `repli`.*did you mean `reply`"):
        stage_columns(row, "sft", {"prompt": "question", "completion": "repli"})
