"""Readers of rows with one answer and a label: the column ``label`` is 1 for a good answer, and 0 for a bad one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.skipped import RowSkipped, SkipReason
from posttrain.errors import InputError

LABELS: Mapping[str, float] = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "good", "up", "thumbs_up"), 1.0),
    **dict.fromkeys(("false", "0", "0.0", "no", "bad", "down", "thumbs_down"), 0.0),
}
"""A label in small letters → its number."""


def labelled(read: Callable[[Row], Example]) -> Callable[[Row], Example]:
    """The reader of rows with a label, given the reader of the same rows without one.

    In a conversation, the label is that of the last answer: the earlier turns become part of the prompt.
    """

    def read_labelled(row: Row) -> Example:
        label = label_of(row)
        example = read(row)
        turns = example.completions[0]
        start = max((i + 1 for i, turn in enumerate(turns) if turn["role"] == "user"), default=0)
        if start == len(turns):
            raise InputError(f"{row.where}: the conversation ends with the user; a label needs an answer; drop the row")
        prompt = (*example.prompt, *turns[:start])
        return replace(example, prompt=prompt, completions=(turns[start:],), columns={"label": (label,)})

    return read_labelled


def one_side(read: Callable[[Row], Example]) -> Callable[[Row], Example]:
    """The reader of one side of a pair, by the label that `both_sides` writes, given the reader of the pair."""

    def read_side(row: Row) -> Example:
        label = label_of(row)
        pair = read(row)
        return replace(pair, completions=(pair.completions[0 if label else 1],), columns={"label": (label,)})

    return read_side


def both_sides(row: Row) -> list[Mapping[str, Any]]:
    """The columns that make two rows of a pair: the chosen answer is good, and the rejected one is bad."""
    return [{"label": True}, {"label": False}]


def label_of(row: Row) -> float:
    """The number of a row's label.

    Raises:
        RowSkipped: the label is empty.
        InputError: it is no label.
    """
    value = row.values["label"]
    if value is None or value == "":
        raise RowSkipped(SkipReason.NO_LABEL)
    number = LABELS.get(str(value).strip().lower()) if isinstance(value, str | bool | int | float) else None
    if number is None:
        raise InputError(
            f"{row.where}: label is {value!r}; it must be true or false (also read: 1 and 0, yes and no, good and bad, "
            "up and down, thumbs_up and thumbs_down)"
        )
    return number
