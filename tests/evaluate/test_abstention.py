"""The suite `abstention`: what is right, what abstains, and whether confidence can be trusted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import brier_score_loss

from posttrain.errors import InputError
from posttrain.evaluate.answers import ModelAnswer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.confident_answers import risk_coverage_of
from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.abstention import (
    AbstentionSuite,
    abstains,
    abstention_measures,
    read_abstention_suite,
)
from suite_rows import byte_policy, choosing, fixed, write_rows


def suite(folder: Path, rows: list[dict[str, Any]], **options: Any) -> AbstentionSuite:
    write_rows(folder / "rows.jsonl", rows)
    return AbstentionSuite.model_validate({"kind": "abstention", "data": "rows.jsonl", **options})


def figures(options: AbstentionSuite, samples: list[Sample]) -> dict[str, float | None]:
    results = results_of("a", abstention_measures(options), samples, slices=False)
    return {key.removeprefix("a/"): result.estimate.value for key, result in results.items()}


ANSWERABLE = {"input": "How much?", "target": "5 mg"}
UNANSWERABLE = {"input": "How much of the other one?", "metadata": {"expected_behavior": "abstain"}}


def test_points_and_shares_are_those_of_a_count_by_hand(tmp_path: Path) -> None:
    rows = [ANSWERABLE] * 4 + [UNANSWERABLE] * 3
    answers = [
        ModelAnswer("5 mg", 0.95),  # right
        ModelAnswer("6 mg", 0.99),  # confident and wrong
        ModelAnswer("7 mg", 0.2),  # wrong
        ModelAnswer("I don't know.", 0.8),  # abstains, and an answer was there
        ModelAnswer("This is not stated in the text.", 0.8),  # a right abstention
        ModelAnswer("5 mg", 0.91),  # confident and wrong: there is no answer
        ModelAnswer("I don’t know", 0.3),  # a right abstention
    ]
    options = suite(tmp_path, rows, wrong_penalty=2)
    samples = run_suite(fixed(*answers), options, tmp_path)
    assert [s.label for s in samples] == ["right", "wrong", "wrong", *["abstained"] * 2, "wrong", "abstained"]
    found = figures(options, samples)
    assert found["accuracy"] == pytest.approx(3 / 7)
    assert found["penalised_score"] == pytest.approx((3 * 1 - 3 * 2) / 7)
    assert found["coverage"] == pytest.approx(4 / 7)
    assert found["selective_accuracy"] == 1 / 4
    assert found["confident_wrong"] == 2 / 4
    assert found["brier"] == pytest.approx(brier_score_loss([1, 0, 0, 0], [0.95, 0.99, 0.2, 0.91]))
    assert found["ece"] == pytest.approx((abs(0.95 + 0.99 + 0.91 - 1) + 0.2) / 4)  # bins (0.9, 1] and (0.1, 0.2]
    assert found["aurc"] == pytest.approx(np.mean([1 / 1, 1 / 2, 2 / 3, 3 / 4]))
    coverage, risk = risk_coverage_of(samples)
    assert coverage == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert risk == pytest.approx([1 / 1, 1 / 2, 2 / 3, 3 / 4])


def test_a_label_that_abstains_marks_rows_and_answers(tmp_path: Path) -> None:
    rows = [{"input": "a", "target": label} for label in ("yes", "maybe", "no", "maybe")]
    options = suite(tmp_path, rows, labels=["yes", "no", "maybe"], abstain_label="maybe", confidence="choices")
    samples = run_suite(choosing([-1, -2, -3], [-3, -3, -1], [-3, -2, -1], [-1, -9, -9]), options, tmp_path)
    assert [s.label for s in samples] == ["right", "abstained", "abstained", "wrong"]
    assert [s.values["accuracy"] for s in samples] == [1.0, 1.0, 0.0, 0.0]
    assert [s.expected for s in samples] == [None, "abstain", None, "abstain"]
    weights = np.exp([-1.0, -2.0, -3.0])
    assert samples[0].confidence == pytest.approx(weights[0] / weights.sum())


def test_a_label_in_words_abstains_too(tmp_path: Path) -> None:
    named = suite(tmp_path, [], labels=["yes", "no", "maybe"], abstain_label="maybe")
    assert abstains("Maybe, since the trial was small", named)
    assert not abstains("Maybe yes", named)
    alone = suite(tmp_path, [], abstain_label="maybe")
    assert abstains("Maybe.", alone)
    assert not abstains("Maybe, since the trial was small", alone)


def test_own_words_replace_the_list(tmp_path: Path) -> None:
    options = suite(tmp_path, [], abstain_words=["ask your pharmacist"])
    assert abstains("Please ASK your pharmacist.", options)
    assert not abstains("I don't know", options)


def test_without_confidences_calibration_is_missing_and_shares_are_there(tmp_path: Path) -> None:
    options = suite(tmp_path, [ANSWERABLE] * 2)
    found = figures(options, run_suite(fixed("5 mg", "6 mg"), options, tmp_path))
    assert (found["accuracy"], found["ece"], found["brier"], found["aurc"], found["confident_wrong"]) == (
        0.5,
        *[None] * 4,
    )


def test_a_metric_may_give_parts_of_a_point(tmp_path: Path) -> None:
    rows = [{"input": "a", "target": {"dose": 5, "unit": "mg"}}]
    metric = {"kind": "json_fields"}
    answer = fixed('{"dose": 5, "unit": "g"}')
    strict = suite(tmp_path, rows, metric=metric)
    assert run_suite(answer, strict, tmp_path)[0].label == "wrong"
    lenient = suite(tmp_path, rows, metric=metric, right_from=0.5)
    (one,) = run_suite(answer, lenient, tmp_path)
    assert (one.label, one.values["score"]) == ("right", 0.5)


def test_a_model_gives_both_kinds_of_confidence(tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    rows = [{"input": f"{i}?", "target": "yes"} for i in range(6)]
    for options in (
        suite(tmp_path, rows, max_new_tokens=3),
        suite(tmp_path, rows, labels=["yes", "no"], confidence="choices"),
    ):
        samples = run_suite(policy_answerer(policy, renderer), options, tmp_path)
        assert all(s.confidence is not None and 0 < s.confidence < 1 for s in samples)
        assert figures(options, samples)["brier"] is not None


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({}, {"input": "a"}),
        ({}, {"input": "a", "target": []}),
        ({"confidence": "choices"}, {"input": "a", "target": "yes"}),
        ({}, {"input": "a", "target": "b", "metadata": {"expected_behavior": "be silent"}}),
    ],
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, options: dict[str, Any], row: dict[str, Any]) -> None:
    good = {"input": "a", "target": "yes", "choices": ["yes", "no"]}
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        read_abstention_suite(suite(tmp_path, [good, row], **options), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"metric": {"kind": "match", "weight": 2.0}},
        {"metric": {"kind": "model", "model": "x"}},
        {"labels": ["yes", "no"], "abstain_label": "maybe"},
        {"normalise": "bytes"},
        {"confidence": "choices", "samples": 2, "temperature": 1.0},
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        suite(tmp_path, [], **options)


def test_a_server_is_measured_by_its_words(tmp_path: Path) -> None:
    options = suite(tmp_path, [{"input": "a", "target": "yes"}], labels=["yes", "no"], confidence="choices")
    with pytest.raises(InputError, match=r"the server gives no log-probs of choices.*`confidence: sequence`"):
        run_suite(fixed("yes"), options, tmp_path)
