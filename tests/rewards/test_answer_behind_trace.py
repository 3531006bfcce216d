"""Rewards and suites score the text behind the reasoning trace; rewards of the form of a text read all of it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from posttrain.data.reasoning import behind_trace
from posttrain.evaluate.answers import ModelAnswer
from posttrain.rewards.registry import RewardSpec, make_reward

DRAFT = 'Paris? {"a": 1} '
CASES: list[tuple[dict[str, Any], str]] = [
    ({"kind": "match"}, "Rome"),
    ({"kind": "contains"}, "It is Rome."),
    ({"kind": "rouge"}, "Rome"),
    ({"kind": "json"}, '{"city": "Rome"}'),
    ({"kind": "json_fields"}, '{"city": "Rome"}'),
    ({"kind": "style", "max_words": 2}, "Rome it"),
]
ROW = {"target": "Rome"}


def score(spec: dict[str, Any], completion: str) -> Any:
    options: Any = TypeAdapter(RewardSpec).validate_python(spec)
    target = {"target": {"city": "Rome"}} if spec["kind"] == "json_fields" else ROW
    return make_reward(options, Path())([completion], [target])[0]


@pytest.mark.parametrize(("spec", "answer"), CASES, ids=[spec["kind"] for spec, _ in CASES])
def test_a_trace_does_not_change_the_score_of_an_answer(spec: dict[str, Any], answer: str) -> None:
    expected = score(spec, answer)
    assert expected > 0
    assert score(spec, f"<think>\n{DRAFT}\n</think>\n\n{answer}") == expected
    assert score(spec, f"{DRAFT}</think>{answer}") == expected  # the template wrote <think>


@pytest.mark.parametrize(("spec", "answer"), CASES, ids=[spec["kind"] for spec, _ in CASES])
def test_a_trace_without_end_has_no_answer(spec: dict[str, Any], answer: str) -> None:
    assert score(spec, f"<think>\n{answer}") == 0.0


def test_a_reward_of_the_form_of_a_text_reads_the_trace() -> None:
    spec = {"kind": "regex", "pattern": "^<think>.+</think>"}
    assert score(spec, "<think>a</think>b") == 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("b", "b"),
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("<think>a</think>b</think>c", "c"),
        ("<think>a</think>", ""),
        (" <Reasoning>a", None),
        ("b <think>a", "b <think>a"),
    ],
)
def test_the_answer_is_the_text_behind_the_last_closed_trace(text: str, answer: str | None) -> None:
    assert behind_trace(text) == answer
    assert ModelAnswer(text).final == (answer or "")
    assert ModelAnswer(text).text == text
