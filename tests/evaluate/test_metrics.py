"""Metrics of answers."""

from typing import get_args

import pytest

from posttrain.evaluate.metrics import METRICS
from posttrain.evaluate.options import MetricName

CASES = (
    ("exact", "12  mg", {"target": "12 mg"}, 1.0),
    ("exact", "12 mg daily", {"target": "12 mg"}, 0.0),
    ("json_equal", '{"b": 2, "a": "x"}', {"target": '{"a": "x", "b": 2}'}, 1.0),
    ("json_equal", '{"a": "x"}', {"target": {"a": "x", "b": 2}}, 0.0),
    ("json_equal", "Here it is: {}", {"target": "{}"}, 0.0),
    ("json_valid", "[1, 2]", {}, 1.0),
    ("json_valid", "[1, 2", {}, 0.0),
    ("contains", "Take 12 MG daily", {"target": "12 mg"}, 1.0),
    ("contains", "Take 120 g", {"target": "12 mg"}, 0.0),
    ("refused", "I’m sorry, I can’t help.", {}, 1.0),
    ("refused", "The usual dose is 10 mg.", {}, 0.0),
    ("refused", "That is off the label.", {"metadata": {"refusal": "off the label"}}, 1.0),
    ("refused", "I can't say.", {"metadata": {"refusal": "off the label"}}, 0.0),
)


@pytest.mark.parametrize(("name", "answer", "row", "value"), CASES)
def test_metric(name: str, answer: str, row: dict[str, object], value: float) -> None:
    assert METRICS[name](answer, row) == value


def test_a_recipe_can_name_every_metric_and_no_other() -> None:
    assert set(get_args(MetricName)) == set(METRICS)
