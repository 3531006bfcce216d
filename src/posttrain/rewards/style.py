"""The reward `style`: the share of the house-style checks that a completion keeps."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from posttrain.rewards.match import contains_words, normalise_text, plain_text
from posttrain.rewards.readability import reading_grade
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions, Row, Verdict, per_completion

Person = Literal["first", "second", "third"]
Presence = Literal["required", "forbidden"]

PRONOUNS: Mapping[Person, re.Pattern[str]] = {
    "first": re.compile(r"\b(?:I|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself|[Ww]e|[Uu]s|[Oo]urs?|[Oo]urselves)\b"),
    "second": re.compile(r"\b(?:you|yours?|yourself|yourselves)\b", re.IGNORECASE),
    "third": re.compile(r"\b(?:he|him|his|himself|she|hers?|herself|they|them|theirs?|themselves)\b", re.IGNORECASE),
}
"""English pronouns. "US" is a country, and "it" is left out, since every text has it."""

GREETINGS = ("hello", "hi", "hey", "dear", "good morning", "good afternoon", "good evening", "greetings", "welcome")
SIGN_OFFS = ("regards", "sincerely", "best wishes", "yours truly", "yours faithfully", "with thanks", "take care")

ENDING = 12
"""The number of last words in which a sign-off is looked for; a name may follow it."""


class StyleReward(RewardOptions):
    """The share of the house-style checks that the completion keeps. Only the checks that are set count."""

    kind: Literal["style"]
    min_words: int | None = Field(default=None, ge=1, description="fewest words")
    max_words: int | None = Field(default=None, ge=1, description="most words")
    min_grade: float | None = Field(default=None, description="lowest Flesch-Kincaid grade; made for English")
    max_grade: float | None = Field(default=None, description="highest Flesch-Kincaid grade; 8 is plain language")
    avoid_person: tuple[Person, ...] = Field(
        default=(), description="first, second, third: English pronouns of these persons are forbidden"
    )
    forbidden: tuple[str, ...] = Field(default=(), description="phrases that may not occur; whole words, case aside")
    required: tuple[str, ...] = Field(default=(), description="phrases that must all occur; whole words, case aside")
    greeting: Presence | None = Field(default=None, description="required, forbidden: one of `greetings` at the start")
    greetings: tuple[str, ...] = Field(default=GREETINGS, min_length=1, description="texts that greet")
    sign_off: Presence | None = Field(default=None, description="required, forbidden: one of `sign_offs` at the end")
    sign_offs: tuple[str, ...] = Field(default=SIGN_OFFS, min_length=1, description="texts that sign off")
    max_exclamations: int | None = Field(default=None, ge=0, description="most exclamation marks")

    @field_validator("forbidden", "required", "greetings", "sign_offs")
    @classmethod
    def _have_words(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        if not all(normalise_text(phrase) for phrase in phrases):
            raise ValueError("a phrase holds no letter and no digit")
        return phrases

    @model_validator(mode="after")
    def _checks_something(self) -> "StyleReward":
        if not style_checks(self):
            raise ValueError("set at least one check, such as `max_words: 120`")
        for low, high in (("min_words", "max_words"), ("min_grade", "max_grade")):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least > most:
                raise ValueError(f"`{low}` is above `{high}`")
        return self


def style_checks(options: StyleReward) -> dict[str, Callable[[str], bool]]:
    """Name of each check that is set → whether a text keeps it."""
    every: dict[str, Callable[[str], bool] | None] = {
        "min_words": _limit(options.min_words, lambda text, limit: count_words(text) >= limit),
        "max_words": _limit(options.max_words, lambda text, limit: count_words(text) <= limit),
        "min_grade": _limit(options.min_grade, lambda text, limit: reading_grade(text) >= limit),
        "max_grade": _limit(options.max_grade, lambda text, limit: reading_grade(text) <= limit),
        "avoid_person": _avoids(options.avoid_person) if options.avoid_person else None,
        "forbidden": (lambda text: not any(_holds(text, options.forbidden))) if options.forbidden else None,
        "required": (lambda text: all(_holds(text, options.required))) if options.required else None,
        "greeting": _presence(options.greeting, lambda text: _greets(text, options.greetings)),
        "sign_off": _presence(options.sign_off, lambda text: _signs_off(text, options.sign_offs)),
        "max_exclamations": _limit(options.max_exclamations, lambda text, limit: text.count("!") <= limit),
    }
    return {name: check for name, check in every.items() if check is not None}


def style_values(options: StyleReward, text: str) -> dict[str, float]:
    """Each check of a text: 1 if it is kept, 0 if it is broken."""
    return {name: float(check(text)) for name, check in style_checks(options).items()}


def make_style_reward(options: StyleReward, base: Path) -> RewardFn:
    """Score by the share of checks that are kept."""
    checks = style_checks(options)

    def score_one(completion: str, row: Row) -> Verdict:
        return sum(check(completion) for check in checks.values()) / len(checks)

    return per_completion(score_one)


def count_words(text: str) -> int:
    """The number of words and numbers between white space."""
    return sum(any(map(str.isalnum, part)) for part in text.split())


def _limit(limit: float | None, check: Callable[[str, float], bool]) -> Callable[[str], bool] | None:
    return None if limit is None else lambda text: check(text, limit)


def _presence(wanted: Presence | None, has: Callable[[str], bool]) -> Callable[[str], bool] | None:
    return None if wanted is None else lambda text: has(text) == (wanted == "required")


def _avoids(persons: Sequence[Person]) -> Callable[[str], bool]:
    return lambda text: not any(PRONOUNS[person].search(text) for person in persons)


def _holds(text: str, phrases: Sequence[str]) -> list[bool]:
    """Whether each phrase occurs, as whole words."""
    plain = plain_text(text).casefold()
    return [contains_words(plain_text(phrase).casefold(), plain) for phrase in phrases]


def _greets(text: str, greetings: Sequence[str]) -> bool:
    start = normalise_text(text)
    return any(start == word or start.startswith(f"{word} ") for word in map(normalise_text, greetings))


def _signs_off(text: str, sign_offs: Sequence[str]) -> bool:
    return any(_holds(" ".join(text.split()[-ENDING:]), sign_offs))


REWARDS = (RewardKind(StyleReward, make_style_reward, answer_alone=True),)
