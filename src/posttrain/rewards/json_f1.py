"""The reward `json_f1`: precision and recall of the fields of a JSON record, as their F1."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from posttrain.data.files.strict_json import decode_json
from posttrain.errors import InputError
from posttrain.rewards.json_text import find_json
from posttrain.rewards.schema import JsonOptions, Leaf, json_leaves
from posttrain.rewards.types import RewardFn, RewardKind, Row, Score, column, per_completion

Leaves = dict[tuple[str | int, ...], Leaf]
"""Path → field of a JSON value."""

Lists = Literal["ordered", "unordered"]
"""Whether the place of an item in a list counts."""


class JsonF1Reward(JsonOptions):
    """F1 of the fields, at any depth: right ones as a share of the mean of the given and the expected ones."""

    kind: Literal["json_f1"]
    target: str = Field(default="target", description="column of the expected value, an object or JSON text")
    lists: Lists = Field(
        default="ordered",
        description="ordered: an item is right in its own place only; unordered: items may have any order",
    )


class FieldCounts(NamedTuple):
    """Fields of an answer.

    Args:
        right: fields with the expected path and value.
        given: fields of the answer.
        wanted: fields of the expected value.
    """

    right: int
    given: int
    wanted: int

    @property
    def f1(self) -> float:
        """2 right / (given + wanted)."""
        return 2 * self.right / (self.given + self.wanted)

    @property
    def exact(self) -> bool:
        """Whether every field is right and there is no other one."""
        return self.right == self.given == self.wanted


def make_json_f1_reward(options: JsonF1Reward, base: Path) -> RewardFn:
    """Score by the fields of the row's target; None where it is null."""

    def score_one(completion: str, row: Row) -> Score:
        target = column(row, options.target)
        if target is None:
            return None
        found = find_json(completion, extract=options.extract)
        return field_counts(expected_json(target, options.target), found, options.lists).f1

    return per_completion(score_one)


def expected_json(target: Any, name: str = "target") -> Any:
    """The expected value, from a column with the value itself or with its JSON text.

    Raises:
        InputError: the column is a text that is no JSON.
    """
    return decode_json(target, f"`{name}`") if isinstance(target, str) else target


def field_counts(expected: Any, found: tuple[Any] | None, lists: Lists = "ordered") -> FieldCounts:
    """The right, given and expected fields of an answer.

    Args:
        found: the answer's value in a tuple; None where the answer has none.
    """
    wanted, has = field_leaves(expected, found, lists)
    right = sum(1 for path, leaf in wanted.items() if has.get(path) == leaf)
    return FieldCounts(right, len(has), len(wanted))


def field_leaves(expected: Any, found: tuple[Any] | None, lists: Lists = "ordered") -> tuple[Leaves, Leaves]:
    """(the expected fields, the fields of the answer). With unordered lists, the answer's items have the indices of
    the expected items that they are matched with."""
    if found is None:
        return json_leaves(expected), {}
    return json_leaves(expected), json_leaves(found[0]) if lists == "ordered" else _matched(expected, found[0])


def _matched(expected: Any, given: Any) -> Leaves:
    """The fields of `given`, each item of a list under the index of the expected item with which it is matched."""
    match expected, given:
        case dict(), dict() if given:
            parts = [(key, _matched(expected.get(key), inner)) for key, inner in given.items()]
        case list() | tuple(), list() | tuple() if given:
            parts = _matched_items(expected, given)
        case _:
            return json_leaves(given)
    return {(step, *path): leaf for step, leaves in parts for path, leaf in leaves.items()}


def _matched_items(expected: Sequence[Any], given: Sequence[Any]) -> list[tuple[int, Leaves]]:
    """(index, fields) of each given item, so that as many fields as possible are right. Items that are left over have
    the indices behind the expected ones."""
    from scipy.optimize import linear_sum_assignment

    wanted = [json_leaves(item) for item in expected]
    placed = [[_matched(item, other) for other in given] for item in expected]
    equal = np.array(
        [[len(leaves.items() & has.items()) for has in row] for leaves, row in zip(wanted, placed, strict=True)]
    ).reshape(len(expected), len(given))
    rows, columns = linear_sum_assignment(equal, maximize=True)
    place = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    rest = [index for index in range(len(given)) if index not in place]
    return [(index, placed[index][item]) for item, index in place.items()] + [
        (len(expected) + number, json_leaves(given[item])) for number, item in enumerate(rest)
    ]


def check_record(target: Any) -> None:
    """Check an expected record.

    Raises:
        InputError: it is neither an object nor a list, nor the JSON text of one.
    """
    if not isinstance(expected_json(target), dict | list):
        raise InputError("`target` should be a JSON object or list, or its text")


REWARDS = (RewardKind(JsonF1Reward, make_json_f1_reward, compares=True, answer_form="json", answer_alone=True),)
