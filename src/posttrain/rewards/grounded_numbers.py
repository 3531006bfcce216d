"""The reward `grounded_numbers`: whether the numbers of a completion are in its source.

A number is grounded if the source has it in the same form, or an equal quantity: units are converted, and one side may
lack its unit. Numbers that the source writes in English words count; those of the completion are not looked at.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.rewards.match import contains_words, normalise_text
from posttrain.rewards.numbers_in_text import readings, text_numbers
from posttrain.rewards.quantity import Quantity, same_quantity
from posttrain.rewards.types import (
    NotApplicable,
    RewardFn,
    RewardKind,
    RewardOptions,
    Row,
    Verdict,
    column,
    per_completion,
)

TOLERANCE = 1e-6
"""Relative difference of two equal quantities, as units are converted."""


class GroundedNumbersReward(RewardOptions):
    """The share of the completion's numbers that its source has. It does not apply to a completion without numbers."""

    kind: Literal["grounded_numbers"]
    source: str | None = Field(
        default=None,
        description="column of the source text; if unset, `metadata.source`, or else the last message of the prompt",
    )


def make_grounded_numbers_reward(options: GroundedNumbersReward, base: Path) -> RewardFn:
    """Score by the row's source."""

    def score_one(completion: str, row: Row) -> Verdict:
        share = grounded_share(completion, source_text(row, options.source))
        return NotApplicable("the completion has no number") if share is None else share

    return per_completion(score_one)


def source_text(row: Row, name: str | None = None) -> str:
    """The text that a summary is made of.

    Raises:
        InputError: there is none, or it is no text.
    """
    value: Any = column(row, name) if name is not None else None
    if name is None:
        metadata = row.get("metadata")
        own = metadata.get("source") if isinstance(metadata, Mapping) else None
        value = _last_message(row.get("input", row.get("prompt"))) if own is None else own
    if not isinstance(value, str):
        raise InputError(f"`{name or 'metadata.source'}` should be a text: the source of the summary")
    return value


def grounded_share(completion: str, source: str) -> float | None:
    """The share of the completion's numbers that the source has; None where the completion has no number."""
    numbers = len(text_numbers(completion))
    return (numbers - len(ungrounded_numbers(completion, source))) / numbers if numbers else None


def ungrounded_numbers(completion: str, source: str) -> list[str]:
    """The numbers of the completion that the source does not have, as the completion writes them."""
    known, text = readings(source), normalise_text(source)
    return [
        number.text
        for number in text_numbers(completion)
        if not (
            contains_words(normalise_text(number.text), text)
            or _occurs(number.meanings, known)
            or (number.parts and all(_occurs(part, known) for part in number.parts))
        )
    ]


def _occurs(meanings: tuple[Quantity, ...], known: set[Quantity]) -> bool:
    return any(same_quantity(one, other, TOLERANCE) for one in meanings for other in known)


def _last_message(prompt: Any) -> Any:
    messages = prompt if isinstance(prompt, list) and prompt else [prompt]
    return messages[-1].get("content") if isinstance(messages[-1], Mapping) else messages[-1]


REWARDS = (RewardKind(GroundedNumbersReward, make_grounded_numbers_reward, answer_alone=True),)
