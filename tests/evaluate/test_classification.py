"""The suite `classification`: labels by log-probs and by words, and its figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.classification import (
    ClassificationSuite,
    classification_measures,
    confusion_of,
    read_classification_suite,
)
from suite_rows import byte_policy, choosing, fixed, write_rows

LABELS = ["yes", "no", "not sure"]


def suite(folder: Path, rows: list[dict[str, Any]], **options: Any) -> ClassificationSuite:
    write_rows(folder / "rows.jsonl", rows)
    return ClassificationSuite.model_validate({"kind": "classification", "data": "rows.jsonl", **options})


def figures(options: ClassificationSuite, samples: list[Sample]) -> dict[str, float | None]:
    results = results_of("s", classification_measures(options), samples, slices=False)
    return {key.removeprefix("s/"): result.estimate.value for key, result in results.items()}


def test_figures_equal_sklearn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    right = rng.choice(LABELS, 200).tolist()
    written = [str(rng.choice([label, *LABELS, "yes or no", "hm"])) for label in right]
    rows = [{"input": str(i), "target": label} for i, label in enumerate(right)]
    options = suite(tmp_path, rows, labels=LABELS, by="text")
    samples = run_suite(fixed(*written), options, tmp_path)
    named = [text if text in LABELS else "none" for text in written]
    found = figures(options, samples)
    assert found["accuracy"] == pytest.approx(np.mean([a == b for a, b in zip(right, named, strict=True)]))
    assert found["macro_f1"] == pytest.approx(f1_score(right, named, labels=LABELS, average="macro"))
    assert found["mcc"] == pytest.approx(matthews_corrcoef(right, named))
    assert found["undecided"] == pytest.approx(np.mean([label == "none" for label in named]))
    labels, counts = confusion_of(samples)
    assert labels == sorted(LABELS)
    assert np.array_equal(counts, confusion_matrix(right, named, labels=[*labels, "none"])[:-1])


def test_the_label_with_the_highest_log_prob_is_the_answer(tmp_path: Path) -> None:
    rows = [{"input": "a", "target": "yes"}, {"input": "b", "target": "No."}]
    options = suite(tmp_path, rows, labels=["yes", "no"])
    first, second = run_suite(choosing([-1.0, -2.0], [-0.5, -0.4]), options, tmp_path)
    assert (first.label, first.answer, first.values["accuracy"]) == ("yes", "yes", 1.0)
    assert (second.label, second.target, second.values["accuracy"]) == ("no", "no", 1.0)
    assert first.confidence == pytest.approx(1 / (1 + np.exp(-1.0)))


def test_bytes_make_labels_of_different_lengths_comparable(tmp_path: Path) -> None:
    rows = [{"input": "a", "target": "no", "choices": ["no", "not at all"]}]
    (one,) = run_suite(choosing([-2.0, -5.0]), suite(tmp_path, rows, normalise="bytes"), tmp_path)
    assert one.label == "not at all"
    assert one.confidence == pytest.approx(np.exp(-0.5) / (np.exp(-0.5) + np.exp(-1.0)))


@pytest.mark.parametrize(
    ("answer", "label"),
    [("Yes.", "yes"), ("I am not sure", "not sure"), ("yes or no", None), ("perhaps", None), ("Not sure. No!", None)],
)
def test_an_answer_in_words_has_the_one_label_that_it_names(tmp_path: Path, answer: str, label: str | None) -> None:
    options = suite(tmp_path, [{"input": "a", "target": "yes"}], labels=LABELS, by="text")
    (one,) = run_suite(fixed(answer), options, tmp_path)
    assert (one.label, one.values["undecided"]) == (label, float(label is None))


def test_a_model_prefers_a_label_in_both_ways(tmp_path: Path) -> None:
    policy, renderer = byte_policy(tmp_path)
    rows = [{"input": f"Is it {i}?", "target": "yes"} for i in range(20)]
    options = suite(tmp_path, rows, labels=["yes", "no"])
    samples = run_suite(policy_answerer(policy, renderer), options, tmp_path)
    assert {s.label for s in samples} <= {"yes", "no"}
    assert all(s.confidence is not None and 0.5 <= s.confidence < 1 for s in samples)
    by_text = suite(tmp_path, rows, labels=["yes", "no"], by="text", max_new_tokens=2)
    assert len(run_suite(policy_answerer(policy, renderer), by_text, tmp_path)) == 20


@pytest.mark.parametrize(
    "row",
    [
        {"input": "a"},
        {"input": "a", "target": "perhaps", "choices": ["yes", "no"]},
        {"input": "a", "target": ["yes"], "choices": ["yes", "no"]},
        {"input": "a", "target": "yes", "choices": ["yes"]},
        {"input": "a", "target": "yes", "choices": ["yes", "Yes!"]},
        {"input": "a", "target": "yes", "choices": ["yes", "?"]},
        {"input": "a", "target": "no", "choices": ["no", "no change"]},
    ],
)
def test_a_row_that_cannot_be_measured_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    good = {"input": "a", "target": "yes", "choices": ["yes", "no"]}
    with pytest.raises(InputError, match=r"rows\.jsonl:2: "):
        read_classification_suite(suite(tmp_path, [good, row]), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": ["yes"]},
        {"labels": ["no", "no change"]},
        {"samples": 2, "temperature": 1.0},
        {"by": "text", "normalise": "bytes"},
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        suite(tmp_path, [], **options)


def test_a_server_without_log_probs_of_choices_is_measured_by_its_words(tmp_path: Path) -> None:
    rows = [{"input": "a", "target": "yes"}]
    with pytest.raises(InputError, match=r"the server gives no log-probs of choices.*`by: text`"):
        run_suite(fixed("yes"), suite(tmp_path, rows, labels=LABELS[:2]), tmp_path)
    with pytest.raises(InputError, match="gives no answers"):
        run_suite(Answerer("a reward model"), suite(tmp_path, rows, labels=LABELS[:2], by="text"), tmp_path)
