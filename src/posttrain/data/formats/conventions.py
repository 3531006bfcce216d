"""The conventions of rows. `detect` finds the convention of a row.

To read a further convention, write a function from a `Row` to an `Example` and add a line to `CONVENTIONS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.formats.preference_rows import (
    read_alpaca_pair,
    read_implicit_pair,
    read_pair,
    read_ranking,
    read_sharegpt_pair,
)
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.formats.sft_rows import (
    CONTEXT,
    instances,
    read_alpaca,
    read_messages,
    read_prompt,
    read_prompt_completion,
    read_sharegpt,
    read_text,
)
from posttrain.data.formats.unpaired_rows import both_sides, labelled, one_side

Kind = Literal["sft", "preference", "unpaired", "prompt"]
"""The purpose of rows: one completion to imitate, several to compare (pairs, rankings), one with a label (good or bad),
or none (the model writes)."""

Names = Mapping[str, str]
"""standard column name → the file's name for it (the recipe's ``columns``)."""


@dataclass(frozen=True, slots=True)
class Convention:
    """A convention of rows: which columns they have, and how an example is read from them.

    Args:
        name: its name in plans and errors.
        kind: the purpose of its rows.
        required: the columns that identify it.
        read: from a row with standard column names to an example.
        optional: further columns that it reads.
        split: the columns to replace in the row, once for each example that the row holds.
    """

    name: str
    kind: Kind
    required: tuple[str, ...]
    read: Callable[[Row], Example]
    optional: tuple[str, ...] = ("system", "tools")
    split: Callable[[Row], list[Mapping[str, Any]]] = lambda row: [{}]


_MORE = (*CONTEXT, "system", "tools")
_ALPACA_MORE = (*CONTEXT, "history", "system", "tools")
_INSTANCE_MORE = tuple(name for name in _ALPACA_MORE if name != "input")  # each instance has its own

CONVENTIONS = (  # the first convention that fits the columns is used
    Convention("messages", "sft", ("messages",), read_messages),
    Convention("ShareGPT", "sft", ("conversations",), read_sharegpt),
    Convention("Alpaca", "sft", ("instruction", "output"), read_alpaca, _ALPACA_MORE),
    Convention("self-instruct", "sft", ("instruction", "instances"), read_alpaca, _INSTANCE_MORE, instances),
    Convention("prompt and completion", "sft", ("prompt", "completion"), read_prompt_completion, _MORE),
    Convention("text", "sft", ("text",), read_text, ()),
    Convention("pairs", "preference", ("prompt", "chosen", "rejected"), read_pair, _MORE),
    Convention("ShareGPT pairs", "preference", ("conversations", "chosen", "rejected"), read_sharegpt_pair),
    Convention("Alpaca pairs", "preference", ("instruction", "chosen", "rejected"), read_alpaca_pair, _ALPACA_MORE),
    Convention("ranking", "preference", ("prompt", "candidates", "ranks"), read_ranking, _MORE),
    Convention("pairs, prompt inside", "preference", ("chosen", "rejected"), read_implicit_pair),
    Convention("messages, label", "unpaired", ("messages", "label"), labelled(read_messages)),
    Convention("ShareGPT, label", "unpaired", ("conversations", "label"), labelled(read_sharegpt)),
    Convention("Alpaca, label", "unpaired", ("instruction", "output", "label"), labelled(read_alpaca), _ALPACA_MORE),
    Convention(
        "prompt, completion, label",
        "unpaired",
        ("prompt", "completion", "label"),
        labelled(read_prompt_completion),
        _MORE,
    ),
    Convention(
        "each side of pairs", "unpaired", ("prompt", "chosen", "rejected"), one_side(read_pair), _MORE, both_sides
    ),
    Convention("prompts", "prompt", ("prompt",), read_prompt, _MORE),
)

STANDARD = frozenset(name for c in CONVENTIONS for name in (*c.required, *c.optional)) - {"label"}
"""Every column that a convention reads, without `label`: in most data it is a class, which belongs to no convention."""

EVERY_ROW = ("task", "phrasing", ROW_ARGUMENTS)
"""Columns that rows of every convention may have."""
