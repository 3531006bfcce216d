"""The suite `tone`: style of answers, and its spread inside groups of paraphrases."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from http_server import says, serving
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.tone import ToneSuite, read_tone_suite, tone_measures
from suite_rows import byte_policy, fixed, write_rows


def row(text: str, group: str) -> dict[str, Any]:
    return {"input": text, "metadata": {"group_id": group}}


def suite(folder: Path, rows: list[dict[str, Any]], style: dict[str, Any], **options: Any) -> ToneSuite:
    write_rows(folder / "rows.jsonl", rows)
    return ToneSuite.model_validate({"kind": "tone", "data": "rows.jsonl", "style": style, **options})


def figures(options: ToneSuite, samples: list[Sample]) -> dict[str, float | None]:
    results = results_of("t", tone_measures(options), samples, slices=False)
    return {key.removeprefix("t/"): result.estimate.value for key, result in results.items()}


def test_style_checks_and_spread_are_those_of_a_count_by_hand(tmp_path: Path) -> None:
    groups = {"a": ["yes it is", "Yes!", "no"], "b": ["one two", "one two three four"], "c": ["one"]}
    rows = [row(f"{group} {i}", group) for group, texts in groups.items() for i, _ in enumerate(texts)]
    options = suite(tmp_path, rows, {"max_words": 3, "max_exclamations": 0})
    samples = run_suite(fixed(*(text for texts in groups.values() for text in texts)), options, tmp_path)
    found = figures(options, samples)
    assert found["style"] == pytest.approx(4 / 6)
    assert found["max_words"] == pytest.approx(5 / 6)
    assert found["max_exclamations"] == pytest.approx(5 / 6)
    spread = [np.std([1, 0.5, 1], ddof=1), np.std([1, 0.5], ddof=1)]  # a group of one answer has none
    assert found["style_spread"] == pytest.approx(np.mean(spread))
    assert found["length_spread"] == pytest.approx(np.mean([np.std([3, 1, 1], ddof=1), np.std([2, 4], ddof=1)]))
    assert found["consistent"] == 0.0


def test_a_group_is_consistent_if_all_its_answers_keep_or_all_break_the_style(tmp_path: Path) -> None:
    texts = ["short", "short too", "a long answer", "a longer answer yet", "short", "a long answer"]
    options = suite(tmp_path, [row(str(i), "abc"[i // 2]) for i in range(6)], {"max_words": 2})
    found = figures(options, run_suite(fixed(*texts), options, tmp_path))
    assert found["consistent"] == pytest.approx(2 / 3)
    estimates = results_of("t", tone_measures(options), run_suite(fixed(*texts), options, tmp_path), slices=False)
    assert estimates["t/consistent"].estimate.interval == (0.0, 1.0)  # three groups, not six answers


def test_a_judge_scores_the_tone(tmp_path: Path) -> None:
    with serving() as server:
        server.script[:] = [says("Score: 7"), says("Score: 5")]
        judge = {"url": server.url, "model": "m", "backoff": 0, "concurrency": 1}
        options = suite(tmp_path, [row("a", "g"), row("b", "g")], {"max_words": 3}, judge=judge)
        samples = run_suite(fixed("yes", "no"), options, tmp_path)
        (_, _, body), _ = server.requests
    assert figures(options, samples)["judge"] == pytest.approx(0.6)
    assert "[Question]\na\n" in body["messages"][0]["content"]


def test_a_model_answers_paraphrases(tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    options = suite(tmp_path, [row(str(i), str(i // 2)) for i in range(4)], {"max_words": 3}, max_new_tokens=4)
    assert figures(options, run_suite(policy_answerer(policy, renderer), options, tmp_path))["style"] is not None


@pytest.mark.parametrize(
    "bad", [{"input": "a"}, {"input": "a", "metadata": {"group_id": None}}, row("", "g") | {"input": 1}]
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        read_tone_suite(suite(tmp_path, [row("a", "g"), bad], {"max_words": 3}), tmp_path)


@pytest.mark.parametrize("style", [{}, {"max_words": 3, "weight": 2.0}, {"kind": "length", "free": 1, "margin": 1}])
def test_options_that_check_nothing_are_refused(tmp_path: Path, style: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        suite(tmp_path, [], style)
