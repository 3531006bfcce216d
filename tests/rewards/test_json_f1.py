"""Fields of JSON records: precision, recall and F1, with lists in and out of order."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.rewards.json_f1 import FieldCounts, JsonF1Reward, field_counts, make_json_f1_reward
from posttrain.rewards.types import Failed

RECORD = {"patient": {"age": 54, "sex": "f"}, "drugs": [{"name": "A", "mg": 5}, {"name": "B", "mg": 10}]}


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (RECORD, (6, 6, 6)),
        ({**RECORD, "note": "x"}, (6, 7, 6)),
        ({"patient": {"age": 54}}, (1, 1, 6)),
        ({**RECORD, "patient": {"age": "54", "sex": "f"}}, (5, 6, 6)),
        ([], (0, 1, 6)),
        ({**RECORD, "drugs": RECORD["drugs"][::-1]}, (2, 6, 6)),
    ],
)
def test_fields_are_counted_by_path_and_value(answer: Any, counts: tuple[int, int, int]) -> None:
    assert field_counts(RECORD, (answer,)) == counts


def test_an_answer_without_json_gives_no_field() -> None:
    assert field_counts(RECORD, None) == FieldCounts(0, 0, 6)


@pytest.mark.parametrize(
    ("drugs", "counts"),
    [
        ([{"name": "B", "mg": 10}, {"name": "A", "mg": 5}], (6, 6, 6)),
        ([{"name": "B", "mg": 5}, {"name": "A", "mg": 10}], (4, 6, 6)),
        ([{"name": "B", "mg": 10}], (4, 4, 6)),
        ([{"name": "C", "mg": 1}, {"name": "B", "mg": 10}, {"name": "A", "mg": 5}], (6, 8, 6)),
        ([{"name": "A", "mg": 5}] * 2, (4, 6, 6)),
    ],
)
def test_items_out_of_order_are_matched_whole(drugs: Any, counts: tuple[int, int, int]) -> None:
    assert field_counts(RECORD, ({**RECORD, "drugs": drugs},), "unordered") == counts


ITEMS = st.lists(st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), min_size=1), min_size=1, max_size=4)


@given(ITEMS, ITEMS)
def test_the_best_match_is_that_of_all_orders(expected: list[Any], answer: list[Any]) -> None:
    best = field_counts(expected, (answer,), "unordered")
    padded = answer + [{}] * max(0, len(expected) - len(answer))
    right = max(
        sum(len(one.items() & other.items()) for one, other in zip(expected, order, strict=False))
        for order in permutations(padded)
    )
    assert best == FieldCounts(right, sum(map(len, answer)), sum(map(len, expected)))


@given(st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=3), max_leaves=8), st.randoms())
def test_the_order_of_lists_within_lists_is_free_too(value: Any, random: Any) -> None:
    def shuffled(part: Any) -> Any:
        return random.sample([shuffled(item) for item in part], len(part)) if isinstance(part, list) else part

    assert field_counts(value, (shuffled(value),), "unordered").exact


def test_the_reward_is_f1_of_the_row_s_record() -> None:
    options = JsonF1Reward(kind="json_f1", extract=True)
    rows: list[dict[str, Any]] = [
        {"target": RECORD},
        {"target": json.dumps(RECORD)},
        {"target": RECORD},
        {"target": "{"},
    ]
    answers = ['Here: {"patient": {"age": 54, "sex": "m"}}', json.dumps(RECORD), "no record", "{}"]
    part, whole, none, failed = make_json_f1_reward(options, Path())(answers, rows)
    assert (part, whole, none) == (2 * 1 / (2 + 6), 1.0, 0.0)
    assert isinstance(failed, Failed)


def test_a_row_without_a_record_is_not_scored() -> None:
    reward = make_json_f1_reward(JsonF1Reward(kind="json_f1"), Path())
    assert reward(["{}"], [{"target": None}]) == [None]
