"""Rows with an answer and a label, in the conventions of products, TRL and LLaMA-Factory."""

from typing import Any

import pytest

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.examples import read_examples
from posttrain.data.skipped import Skips
from posttrain.errors import InputError

Q = {"role": "user", "content": "How are you?"}
A = {"role": "assistant", "content": "Fine."}


def read(values: dict[str, Any], columns: dict[str, str] | None = None) -> list[Example]:
    return list(read_examples([Row("rows.jsonl:1", values)], "unpaired", columns))


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ({"prompt": "How are you?", "completion": "Fine.", "label": True}, {}),
        ({"prompt": [Q], "completion": [A], "label": True}, {}),
        ({"messages": [Q, A], "label": True}, {}),
        (
            {"conversations": [{"from": "human", "value": Q["content"]}, {"from": "gpt", "value": "Fine."}], "tag": 1},
            {"label": "tag"},
        ),
        ({"instruction": "How are you?", "output": "Fine.", "label": "yes"}, {}),
    ],
)
def test_every_convention_gives_a_prompt_an_answer_and_a_label(values: dict[str, Any], columns: dict[str, str]) -> None:
    (example,) = read(values, columns)
    assert [dict(turn) for turn in example.prompt] == [Q]
    assert [[dict(turn) for turn in completion] for completion in example.completions] == [[A]]
    assert example.columns == {"label": (1.0,)}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (True, 1),
        (False, 0),
        (1, 1),
        (0, 0),
        (1.0, 1),
        ("True", 1),
        ("false", 0),
        ("yes", 1),
        ("No", 0),
        ("up", 1),
        ("thumbs_down", 0),
        ("good", 1),
        ("BAD", 0),
        ("1", 1),
        ("0", 0),
    ],
)
def test_labels_are_read_in_their_usual_spellings(label: Any, expected: int) -> None:
    (example,) = read({"prompt": "q", "completion": "a", "label": label})
    assert example.columns == {"label": (float(expected),)}


@pytest.mark.parametrize("label", [2, -1, "maybe", [True], 0.5])
def test_another_label_is_an_error_with_its_place(label: Any) -> None:
    with pytest.raises(InputError, match=r"rows.jsonl:1: label is .* must be true or false"):
        read({"prompt": "q", "completion": "a", "label": label})


@pytest.mark.parametrize("label", [None, ""])
def test_a_row_without_a_label_is_left_out_and_counted(label: Any) -> None:
    skipped = Skips()
    rows = [
        Row("r:1", {"prompt": "q", "completion": "a", "label": True}),
        Row("r:2", {"prompt": "q", "completion": "b", "label": label}),
    ]
    assert len(list(read_examples(rows, "unpaired", skipped=skipped))) == 1
    assert skipped.lines() == ["1 row skipped, no label: r:2"]


def test_the_label_is_that_of_the_last_answer() -> None:
    (example,) = read({"messages": [Q, A, {**Q, "content": "Sure?"}, {**A, "content": "Yes."}], "label": False})
    assert [turn["content"] for turn in example.prompt] == ["How are you?", "Fine.", "Sure?"]
    assert [turn["content"] for turn in example.completions[0]] == ["Yes."]


def test_a_conversation_that_ends_with_the_user_is_an_error() -> None:
    with pytest.raises(InputError, match="ends with the user"):
        read({"messages": [Q, A, Q], "label": True})


def test_a_pair_is_read_as_a_good_and_a_bad_answer() -> None:
    good, bad = read({"prompt": "How are you?", "chosen": "Fine.", "rejected": "Go away."})
    assert (good.completions[0][0]["content"], good.columns) == ("Fine.", {"label": (1.0,)})
    assert (bad.completions[0][0]["content"], bad.columns) == ("Go away.", {"label": (0.0,)})


def test_rows_without_the_column_are_refused_with_what_they_are() -> None:
    with pytest.raises(InputError, match=r"unpaired rows are needed, these are sft rows"):
        read({"prompt": "q", "completion": "a"})
