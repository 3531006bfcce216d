"""What only the user knows: answers by option, at a terminal or from words of the goal; else assumed, and said."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from posttrain.errors import InputError

READS = ("math", "match", "json_fields", "json", "code")
"""Ready rewards that need nothing but the rows; others (a schema, a judge, a function) need a file or a server."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the user said; None where nothing.

    Args:
        checkable: whether a right answer can be checked by a program.
        reward: the ready reward that checks it.
        people: how many can rank answers.
        strict: whether tone, refusals or safety must hold to a strict standard.
        tasks: whether the model is for one task or many.
        preferences: whether what people prefer is broad judgement or a narrow rule.
        success: share of right answers before training.
    """

    checkable: bool | None = None
    reward: str | None = None
    people: int | None = None
    strict: bool | None = None
    tasks: Literal["one", "many"] | None = None
    preferences: Literal["broad", "narrow"] | None = None
    success: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Args:
        name: the answer's.
        asks: it.
        read: from what was typed to the answer; a `ValueError` says what could be typed.
        goal: words of a goal that answer it, and how.
        assumed: what is taken for granted without an answer.
    """

    name: str
    asks: str
    read: Callable[[str], Any]
    goal: tuple[tuple[str, Any], ...]
    assumed: str


def _yes_or_no(text: str) -> bool:
    said = {"y": True, "yes": True, "n": False, "no": False}.get(text.strip().lower())
    if said is None:
        raise ValueError("yes or no")
    return said


def _one_of(*names: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.strip().lower() not in names:
            raise ValueError(" or ".join(names))
        return text.strip().lower()

    return read


def _count(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError("a number, 0 for nobody")
    return int(text)


def _share(text: str) -> float:
    found = re.fullmatch(r"(\d*\.?\d+)\s*(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= value <= 1:
        raise ValueError("a share from 0 to 1, or a percentage")
    return value


QUESTIONS: tuple[Question, ...] = (
    Question(
        "tasks",
        "One task, or many kinds of task for one assistant? (one, many)",
        _one_of("one", "many"),
        ((r"many (?:kinds of )?tasks|various tasks|general(?:[- ]purpose)? assistant|any instruction|unseen", "many"),),
        "one task or many: as the prompts' words tell",
    ),
    Question(
        "checkable",
        "Can a program check whether an answer is right? (yes, no)",
        _yes_or_no,
        (
            (
                r"\b(?:maths?|calculat\w+|arithmetic|unit tests?|code that|json|extract\w*|classif\w+|verifiable)\b",
                True,
            ),
            (r"\bverif(?:y|ied) by a program\b", True),
        ),
        "a program can check what a ready reward reads, and nothing else",
    ),
    Question(
        "success",
        "How often is the model right already? (0 to 1)",
        _share,
        (),
        "the model is right now and then once it can answer at all",
    ),
    Question(
        "people",
        "How many people can rank answers? (0 for nobody)",
        _count,
        (),
        "nobody ranks",
    ),
    Question(
        "strict",
        "Must tone, refusals or safety hold to a strict standard? (yes, no)",
        _yes_or_no,
        (
            (
                r"\b(?:tone|polite\w*|refus\w+|decline\w*|safe(?:ty|ly)?|harm\w*|off-label|compliance|compliant|empath\w+)\b",
                True,
            ),
        ),
        "tone, refusals and safety need no strict standard",
    ),
    Question(
        "preferences",
        "Is what people prefer broad judgement, or a narrow rule? (broad, narrow)",
        _one_of("broad", "narrow"),
        ((r"\b(?:nuanced?|judgement|judgment|taste|helpful\w*)\b", "broad"),),
        "preferences are narrow (--preferences broad: nuanced judgement on many kinds of prompt)",
    ),
)


def answers_of(said: Mapping[str, Any]) -> Answers:
    """The answers that options give.

    Raises:
        InputError: one that is no answer to its question.
    """
    for name, choices in (("tasks", ("one", "many")), ("preferences", ("broad", "narrow"))):
        if said.get(name) not in (None, *choices):
            raise InputError(f"--{name}: {said[name]} is neither {' nor '.join(choices)}")
    return Answers(**said)


def checked(answers: Answers) -> Answers:
    """The answers, one of which may follow from another.

    Raises:
        InputError: they contradict each other, or name a reward that is not ready-made.
    """
    if answers.reward is not None and answers.reward not in READS:
        near = get_close_matches(answers.reward, READS, n=1)
        raise InputError(
            f"--reward: {answers.reward} is none of {', '.join(READS)}{f'; did you mean {near[0]}?' if near else ''} "
            "(a schema, a judge or a function of your own is named in the recipe: `posttrain init grpo`)"
        )
    if answers.checkable is False:
        for name in ("reward", "success"):
            value = getattr(answers, name)
            if value is not None:
                raise InputError(f"--not-checkable contradicts --{name} {value}: only what can be checked has one")
    if answers.success is not None and not 0 <= answers.success <= 1:
        raise InputError(f"--success: {answers.success} is no share between 0 and 1")
    if answers.people is not None and answers.people < 0:
        raise InputError(f"--people: {answers.people} people cannot rank")
    return replace(answers, checkable=True) if answers.reward or answers.success is not None else answers


def with_goal(answers: Answers, goal: str) -> tuple[Answers, list[str]]:
    """The answers with those that words of the goal give, and what was taken from it."""
    told: list[str] = []
    for question in QUESTIONS:
        if getattr(answers, question.name) is not None:
            continue
        for pattern, value in question.goal:
            found = re.search(pattern, goal, re.IGNORECASE)
            if found:
                answers = replace(answers, **{question.name: value})
                told.append(f"the goal says “{found[0]}”: {question.name} {_shown(value)}")
                break
    return answers, told


def asked(answers: Answers, wanted: Mapping[str, bool], ask: Callable[[str], str]) -> Answers:
    """The answers with those that are given when asked; an empty line leaves one open.

    Args:
        wanted: question → whether the data leave it open.
        ask: from a question to what was typed.
    """
    for question in QUESTIONS:
        if getattr(answers, question.name) is not None or not wanted.get(question.name, True):
            continue
        if {"preferences": not answers.people, "success": not answers.checkable}.get(question.name):
            continue
        answers = replace(answers, **{question.name: _answer(question, ask)})
    return answers


def _answer(question: Question, ask: Callable[[str], str]) -> Any:
    text = question.asks
    while typed := ask(text).strip():
        try:
            return question.read(typed)
        except ValueError as error:
            text = f"Say {error}; or nothing, if you do not know"
    return None


def assumed(answers: Answers, matters: Mapping[str, bool]) -> list[str]:
    """What is taken for granted for want of an answer.

    Args:
        matters: question → whether the answer makes a difference here.
    """
    return [
        question.assumed
        for question in QUESTIONS
        if getattr(answers, question.name) is None and matters.get(question.name, True)
    ]


def _shown(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
