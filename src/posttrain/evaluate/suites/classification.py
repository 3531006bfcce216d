"""The suite `classification`: each question has one right label, which the model prefers or names."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, OnDone, answers_of
from posttrain.evaluate.choices import (
    ChoiceOptions,
    choices_of,
    label_named,
    label_of_value,
    label_problem,
    preferred_choices,
)
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.questions import Question, read_questions
from posttrain.evaluate.sample import Sample, sample_of
from posttrain.evaluate.suites.types import SuiteKind
from posttrain.statistics.classification import (
    Counts,
    classification_measure,
    confusion,
    label_cells,
    macro_f1,
    matthews_correlation,
)
from posttrain.statistics.estimate import Measure as IndexMeasure


class ClassificationSuite(ChoiceOptions):
    """Questions whose answer is one of several labels."""

    kind: Literal["classification"]
    by: Literal["logprobs", "text"] = Field(
        default="logprobs",
        description="logprobs: the label with the highest log-prob; text: the one label that the written answer names",
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> "ClassificationSuite":
        if self.labels and (problem := label_problem(self.labels, prefixes=self.prefixes)):
            raise ValueError(f"`labels`: {problem}")
        if self.by == "logprobs" and self.samples > 1:
            raise ValueError("`samples`: log-probs are the same each time; leave `samples` at 1, or set `by: text`")
        if self.by == "text" and self.normalise != "none":
            raise ValueError("`normalise` goes with `by: logprobs` alone")
        return self

    @property
    def prefixes(self) -> bool:
        """Whether a label may be the beginning of another one."""
        return self.by == "text" or self.normalise == "bytes"


def read_classification_suite(options: ClassificationSuite, base: Path) -> list[Question]:
    """The questions; `target` is the right label as the list of labels writes it.

    Raises:
        InputError: see `read_questions`; a row has no labels, or its target is none of them.
    """
    questions = read_questions(options, base, lambda question: _right_label(question, options))
    return [
        replace(question, row={**question.row, "target": _right_label(question, options)}) for question in questions
    ]


def run_classification_suite(
    options: ClassificationSuite, questions: Sequence[Question], answerer: Answerer, base: Path, done: OnDone
) -> list[Sample]:
    """The preferred or named label of each question; None as the label where the answer names several or none.

    Raises:
        InputError: the answerer gives no log-probs of choices, and `by` is logprobs.
    """
    choices = [choices_of(question.row, options.labels, prefixes=True) for question in questions]
    if options.by == "logprobs":
        answers = preferred_choices(answerer, questions, choices, options.normalise, done)
    else:
        answers = answers_of(answerer, questions, options, done)
    repeated = [
        (question, repeat, labels)
        for question, labels in zip(questions, choices, strict=True)
        for repeat in range(options.samples)
    ]
    samples: list[Sample] = []
    for (question, repeat, labels), answer in zip(repeated, answers, strict=True):
        label = answer.text if options.by == "logprobs" else label_named(answer.final, labels)
        values = {"accuracy": float(label == question.row["target"]), "undecided": float(label is None)}
        samples.append(sample_of(question, answer, repeat, values, label=label))
    return samples


def classification_measures(options: ClassificationSuite) -> Sequence[SuiteMeasure]:
    """Accuracy, macro-F1, Matthews' correlation, and the share of answers that name no label or several."""
    return (
        mean_of("accuracy"),
        SuiteMeasure("macro_f1", "higher", statistic=_of_confusion(macro_f1)),
        SuiteMeasure("mcc", "higher", statistic=_of_confusion(matthews_correlation), unit="value"),
        mean_of("undecided", better="lower"),
    )


def label_names(samples: Sequence[Sample]) -> list[str]:
    """The labels that are right or answered in these samples, sorted."""
    return sorted({str(s.target) for s in samples} | {s.label for s in samples if s.label is not None})


def confusion_of(samples: Sequence[Sample]) -> tuple[list[str], Counts]:
    """The labels, and [L, L + 1] how often each right label (row) got each answer (column; the last one: no label)."""
    labels = label_names(samples)
    cells_N = label_cells([str(s.target) for s in samples], [s.label for s in samples], labels)
    return labels, confusion(cells_N, len(labels))


def _of_confusion(figure: Callable[[Counts], float]) -> Callable[[Sequence[Sample]], IndexMeasure]:
    def statistic(samples: Sequence[Sample]) -> IndexMeasure:
        labels = label_names(samples)
        cells_N = label_cells([str(s.target) for s in samples], [s.label for s in samples], labels)
        return classification_measure(figure, cells_N, len(labels))

    return statistic


def _right_label(question: Question, options: ClassificationSuite) -> str:
    labels = choices_of(question.row, options.labels, prefixes=options.prefixes)
    target: Any = question.row.get("target")
    if target is None or isinstance(target, list | dict):
        raise InputError(f"`target` should be one label of {', '.join(map(repr, labels))[:200]}")
    label = label_of_value(target, labels)
    if label is None:
        raise InputError(f"`target` {str(target)[:80]!r} is none of the labels {', '.join(map(repr, labels))[:200]}")
    return label


SUITES = (SuiteKind(ClassificationSuite, read_classification_suite, run_classification_suite, classification_measures),)
