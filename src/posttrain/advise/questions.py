"""The questions that only the user can answer, how typed answers are read, and what is assumed without an answer."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class UserQuestion:
    """A question to the user.

    Args:
        name: the field of `Answers` that it fills.
        text: the question in words.
        parse: turns typed text into the answer; raises a `ValueError` whose message names valid answers.
        goal_patterns: patterns that answer the question where they match the goal, each with its answer.
        assumption: what is assumed without an answer.
    """

    name: str
    text: str
    parse: Callable[[str], Any]
    goal_patterns: tuple[tuple[str, Any], ...]
    assumption: str


def _parse_yes_or_no(text: str) -> bool:
    value = {"y": True, "yes": True, "n": False, "no": False}.get(text.strip().lower())
    if value is None:
        raise ValueError("yes or no")
    return value


def _parser_of_choices(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip().lower() not in names:
            raise ValueError(" or ".join(names))
        return text.strip().lower()

    return parse


def _parse_count(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError("a number, 0 for nobody")
    return int(text)


def _parse_share(text: str) -> float:
    match = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1, or a percentage")
    return value


QUESTIONS: tuple[UserQuestion, ...] = (
    UserQuestion(
        "tasks",
        "One task, or many kinds of task for one assistant? (one, many)",
        _parser_of_choices("one", "many"),
        ((r"many (?:kinds of )?tasks|various tasks|general(?:[- ]purpose)? assistant|any instruction|unseen", "many"),),
        "the wording of the prompts shows whether there is one task or many",
    ),
    UserQuestion(
        "checkable",
        "Can a program check whether an answer is right? (yes, no)",
        _parse_yes_or_no,
        (
            (
                r"\b(?:maths?|calculat\w+|arithmetic|unit tests?|code that|json|extract\w*|classif\w+|verifiable)\b",
                True,
            ),
            (r"\bverif(?:y|ied) by a program\b", True),
        ),
        "a program can check an answer only if a ready reward reads it",
    ),
    UserQuestion(
        "success",
        "How often is the model right already? (0 to 1)",
        _parse_share,
        (),
        "the model is sometimes right once it can answer at all",
    ),
    UserQuestion(
        "people",
        "How many people can rank answers? (0 for nobody)",
        _parse_count,
        (),
        "nobody ranks",
    ),
    UserQuestion(
        "strict",
        "Must tone, refusals or safety meet a strict standard? (yes, no)",
        _parse_yes_or_no,
        (
            (
                r"\b(?:tone|polite\w*|refus\w+|decline\w*|safe(?:ty|ly)?|harm\w*|off-label|compliance|compliant|empath\w+)\b",
                True,
            ),
        ),
        "tone, refusals and safety need no strict standard",
    ),
    UserQuestion(
        "preferences",
        "Are people's preferences broad judgement, or a narrow rule? (broad, narrow)",
        _parser_of_choices("broad", "narrow"),
        ((r"\b(?:nuanced?|judgement|judgment|taste|helpful\w*)\b", "broad"),),
        "preferences are narrow (--preferences broad: nuanced judgement on many kinds of prompt)",
    ),
)
