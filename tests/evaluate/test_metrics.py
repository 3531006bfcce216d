"""Metrics of answers."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.errors import InputError
from posttrain.evaluate.metrics import METRICS, check_row
from posttrain.evaluate.options import MetricName

CASES = (
    ("exact", "12  mg", {"target": "12 mg"}, 1.0),
    ("exact", "12 mg daily", {"target": "12 mg"}, 0.0),
    ("exact", "Cologne", {"target": ["Köln", "Cologne"]}, 1.0),
    ("exact", "Koln", {"target": ["Köln", "Cologne"]}, 0.0),
    ("exact", "Ko\u0308ln", {"target": "K\u00f6ln"}, 1.0),
    ("exact", "false", {"target": False}, 1.0),
    ("exact", "False", {"target": False}, 0.0),
    ("exact", "3", {"target": [2, 3]}, 1.0),
    ("json_equal", '{"b": 2, "a": "x"}', {"target": '{"a": "x", "b": 2}'}, 1.0),
    ("json_equal", '{"a": "x"}', {"target": {"a": "x", "b": 2}}, 0.0),
    ("json_equal", "Here it is: {}", {"target": "{}"}, 0.0),
    ("json_equal", "[1, 2]", {"target": [1, 2]}, 1.0),
    ("json_equal", "[2, 1]", {"target": [1, 2]}, 0.0),
    ("json_equal", "[true]", {"target": [1]}, 0.0),
    ("json_equal", '{"a": 2.50}', {"target": {"a": 2.5}}, 1.0),
    ("json_equal", '{"a": 1, "a": 2}', {"target": {"a": 2}}, 0.0),
    ("json_equal", "null", {"target": "null"}, 1.0),
    ("json_equal", "{}", {"target": []}, 0.0),
    ("json_valid", "[1, 2]", {}, 1.0),
    ("json_valid", "[1, 2", {}, 0.0),
    ("json_valid", "[-Infinity]", {}, 0.0),
    ("json_valid", '{"a": 1, "a": 1}', {}, 0.0),
    ("contains", "Take 12 MG daily", {"target": "12 mg"}, 1.0),
    ("contains", "Take 120 g", {"target": "12 mg"}, 0.0),
    ("contains", "Take 2.5 mg or -5 mg.", {"target": "5 mg"}, 0.0),
    ("contains", "Take 3-5 mg.", {"target": "5 mg"}, 1.0),
    ("contains", "It rose by 5%.", {"target": 5}, 0.0),
    ("contains", "It is on the agenda.", {"target": "gen"}, 0.0),
    ("contains", "Das ist in K\u00f6ln.", {"target": ["Bonn", "ko\u0308ln"]}, 1.0),
    ("contains", "我住在北京市。", {"target": "北京"}, 1.0),
    ("contains", "It is written in C++.", {"target": "c++"}, 1.0),
    ("refused", "I’m sorry, I can’t help.", {}, 1.0),
    ("refused", "The usual dose is 10 mg.", {}, 0.0),
    ("refused", "That is off the label.", {"metadata": {"refusal": "off the label"}}, 1.0),
    ("refused", "That’s not ours to  say.", {"metadata": {"refusal": ["no comment", "that's not ours to say"]}}, 1.0),
    ("refused", "I can't say.", {"metadata": {"refusal": "off the label"}}, 0.0),
    ("refused", "I can't help with that.", {"metadata": None}, 1.0),
    ("refused", "I can't help with that.", {"metadata": {"refusal": None}}, 1.0),
)


@pytest.mark.parametrize(("name", "answer", "row", "value"), CASES)
def test_metric(name: str, answer: str, row: dict[str, object], value: float) -> None:
    assert METRICS[name](answer, row) == value


def test_a_recipe_can_name_every_metric_and_no_other() -> None:
    assert set(get_args(MetricName)) == set(METRICS)


DEEP = (  # also where the reader of JSON reports what is wrong
    "[" * 100_000,
    '{"a":' * 100_000,
    "[" * 900 + "NaN" + "]" * 900,
    "[" * 900 + '"\\ud800"' + "]" * 900,
    "9" * 5000,
)


@pytest.mark.parametrize("answer", DEEP)
@pytest.mark.parametrize("name", METRICS)
def test_a_model_in_a_loop_gets_a_number(name: str, answer: str) -> None:
    assert METRICS[name](answer, {"target": "1"}) == 0.0


@given(st.text() | st.text("[]{}\"'`\\:,0eE-.NaI\n "))
def test_every_answer_gets_a_number(answer: str) -> None:
    for metric in METRICS.values():
        assert metric(answer, {"target": "1"}) in (0.0, 1.0)


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("exact", {"target": None}, "null"),
        ("contains", {}, "null"),
        ("json_equal", {"target": None}, "null"),
        ("exact", {"target": []}, "empty"),
        ("contains", {"target": ["a", None]}, "with null in it"),
        ("exact", {"target": {"a": 1}}, "json_equal"),
        ("contains", {"target": " "}, "empty"),
        ("json_equal", {"target": "{"}, "broken JSON"),
        ("refused", {"metadata": {"refusal": ["no", " "]}}, "metadata.refusal"),
        ("refused", {"metadata": {"refusal": 3}}, "metadata.refusal"),
        ("refused", {"metadata": "off"}, "metadata"),
    ],
)
def test_a_row_without_what_a_metric_needs_is_an_error(name: Any, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        check_row(name, row)
