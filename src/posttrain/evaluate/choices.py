"""Answers out of a list of labels: their check, and the label that a model prefers or names."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer, ModelAnswer, OnDone, choice_logprobs_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question
from posttrain.rewards.match import normalise_text, only_label
from posttrain.rewards.types import Row

Normalise = Literal["none", "bytes"]


class ChoiceOptions(SuiteOptions):
    """Options of suites whose answers are labels."""

    labels: tuple[str, ...] | None = Field(
        default=None, min_length=2, description="all labels; if unset, each row lists its own as `choices`"
    )
    normalise: Normalise = Field(
        default="none",
        description="log-probs of labels: none: the sum over the tokens; bytes: that, divided by the label's UTF-8 "
        "bytes, for labels of different lengths",
    )


def label_problem(labels: Sequence[str], *, prefixes: bool) -> str | None:
    """The reason why these labels are no choices; None if they are.

    Args:
        prefixes: whether a label may be the beginning of another one. With summed log-probs the longer one would never
            be preferred.
    """
    names = [normalise_text(label) for label in labels]
    for label, name in zip(labels, names, strict=True):
        if not name:
            return f"the label {label!r} holds no letter and no digit"
        if names.count(name) > 1:
            return f"the label {label!r} is there twice (case and punctuation do not count)"
        longer = next((other for other in labels if other != label and other.startswith(label)), None)
        if longer is not None and not prefixes:
            return (
                f"the label {label!r} is the beginning of {longer!r}, which can never have a higher log-prob; "
                "set `normalise: bytes` or `by: text`, or rename it"
            )
    return None


def choices_of(row: Row, labels: Sequence[str] | None, *, prefixes: bool) -> tuple[str, ...]:
    """The labels of a row: the suite's, or the row's own `choices`.

    Raises:
        InputError: the row has none, or they are no choices.
    """
    if labels is not None:
        return tuple(labels)
    choices: Any = row.get("choices")
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(choice, str) for choice in choices):
        raise InputError("`choices` should be a list of two labels or more; or give `labels` in the recipe")
    if problem := label_problem(choices, prefixes=prefixes):
        raise InputError(f"`choices`: {problem}")
    return tuple(choices)


def label_named(text: str, labels: Sequence[str]) -> str | None:
    """The label that a text names, as the list writes it; None if it names several or none."""
    by_name = {normalise_text(label): label for label in labels}
    name = only_label(text, list(by_name))
    return None if name is None else by_name[name]


def label_of_value(value: Any, labels: Sequence[str]) -> str | None:
    """The label that equals a row's value, as the list writes it; case and punctuation do not count."""
    by_name: Mapping[str, str] = {normalise_text(label): label for label in labels}
    return by_name.get(normalise_text(value if isinstance(value, str) else json.dumps(value)))


def preferred_choices(
    answerer: Answerer,
    questions: Sequence[Question],
    choices: Sequence[Sequence[str]],
    normalise: Normalise,
    done: OnDone,
) -> list[ModelAnswer]:
    """The most probable label of each question; its probability is the softmax over the labels.

    Raises:
        InputError: the answerer gives no log-probs of choices.
    """
    answers: list[ModelAnswer] = []
    for labels, losses in zip(choices, choice_logprobs_of(answerer, questions, choices, done), strict=True):
        bytes_K = np.array([len(label.encode()) for label in labels], dtype=np.float64)
        scores_K = np.array([loss.logp for loss in losses], dtype=np.float64) / (
            bytes_K if normalise == "bytes" else 1.0
        )
        share_K = np.exp(scores_K - scores_K.max())
        best = int(scores_K.argmax())
        answers.append(ModelAnswer(labels[best], float(share_K[best] / share_K.sum())))
    return answers
