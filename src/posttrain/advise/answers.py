"""The user's answers: from options, from words of the goal, or typed at a terminal; missing answers are assumed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from posttrain.advise.questions import QUESTIONS, UserQuestion
from posttrain.errors import InputError

READY_REWARDS = ("math", "match", "json_fields", "json", "code")
"""Rewards that need nothing but the rows. Other rewards (a schema, a judge, a function) need a file or a server."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The user's answers; None where there is no answer.

    Args:
        checkable: whether a program can check if an answer is right.
        reward: the ready reward that checks it.
        people: how many people can rank answers.
        strict: whether tone, refusals or safety must meet a strict standard.
        tasks: whether the model is for one task or many.
        preferences: whether people's preferences are broad judgement or a narrow rule.
        success: share of right answers before training.
    """

    checkable: bool | None = None
    reward: str | None = None
    people: int | None = None
    strict: bool | None = None
    tasks: Literal["one", "many"] | None = None
    preferences: Literal["broad", "narrow"] | None = None
    success: float | None = None


def answers_from_options(options: Mapping[str, Any]) -> Answers:
    """The answers that the command's options give.

    Raises:
        InputError: an option's value is not one of its choices.
    """
    for name, choices in (("tasks", ("one", "many")), ("preferences", ("broad", "narrow"))):
        if options.get(name) not in (None, *choices):
            raise InputError(f"--{name}: {options[name]} is neither {' nor '.join(choices)}")
    return Answers(**options)


def check_answers(answers: Answers) -> Answers:
    """Check the answers, and add that a program can check answers where another answer implies it.

    Raises:
        InputError: answers contradict each other, or the reward is not a ready one.
    """
    if answers.reward is not None and answers.reward not in READY_REWARDS:
        near = get_close_matches(answers.reward, READY_REWARDS, n=1)
        raise InputError(
            f"--reward: {answers.reward} is none of {', '.join(READY_REWARDS)}"
            f"{f'; did you mean {near[0]}?' if near else ''} "
            "(a recipe names a schema, a judge or a function of your own: `posttrain init grpo`)"
        )
    if answers.checkable is False:
        for name in ("reward", "success"):
            value = getattr(answers, name)
            if value is not None:
                raise InputError(f"--not-checkable contradicts --{name} {value}: it needs answers that can be checked")
    if answers.success is not None and not 0 <= answers.success <= 1:
        raise InputError(f"--success: {answers.success} is not between 0 and 1")
    if answers.people is not None and answers.people < 0:
        raise InputError(f"--people: {answers.people} is below 0")
    return replace(answers, checkable=True) if answers.reward or answers.success is not None else answers


def answers_from_goal(answers: Answers, goal: str) -> tuple[Answers, list[str]]:
    """The answers completed by words of the goal, and a sentence on each answer taken from the goal."""
    notes: list[str] = []
    for question in QUESTIONS:
        if getattr(answers, question.name) is not None:
            continue
        for pattern, value in question.goal_patterns:
            match = re.search(pattern, goal, re.IGNORECASE)
            if match:
                answers = replace(answers, **{question.name: value})
                notes.append(f"the goal mentions “{match[0]}”: {question.name} {_in_words(value)}")
                break
    return answers, notes


def answers_from_user(answers: Answers, is_open: Mapping[str, bool], ask: Callable[[str], str]) -> Answers:
    """The answers, completed by those that the user types; an empty line leaves a question unanswered.

    Args:
        is_open: question → whether the data leave it open; True for questions that are not listed.
        ask: shows a question to the user and returns what they type.
    """
    for question in QUESTIONS:
        if getattr(answers, question.name) is not None or not is_open.get(question.name, True):
            continue
        if {"preferences": not answers.people, "success": not answers.checkable}.get(question.name):
            continue
        answers = replace(answers, **{question.name: _typed_answer(question, ask)})
    return answers


def _typed_answer(question: UserQuestion, ask: Callable[[str], str]) -> Any:
    text = question.text
    while typed := ask(text).strip():
        try:
            return question.parse(typed)
        except ValueError as error:
            text = f"Type {error}; or leave the line empty if you do not know"
    return None


def assumptions(answers: Answers, matters: Mapping[str, bool]) -> list[str]:
    """What is assumed for each question without an answer.

    Args:
        matters: question → whether its answer makes a difference here; True for questions that are not listed.
    """
    return [
        question.assumption
        for question in QUESTIONS
        if getattr(answers, question.name) is None and matters.get(question.name, True)
    ]


def _in_words(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
