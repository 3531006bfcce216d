"""The reward `instructions`: the share of verifiable instructions that an answer keeps."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

from pydantic import Field

from posttrain.rewards.instructions.instruction import VerifiableInstruction
from posttrain.rewards.instructions.table import instructions_of
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions, Row, per_completion


class InstructionsReward(RewardOptions):
    """The share of the row's verifiable instructions that the completion keeps."""

    kind: Literal["instructions"]
    whole: bool = Field(default=False, description="1 where all of them are kept, else 0")
    loose: bool = Field(
        default=False,
        description="an instruction also counts as kept if the completion keeps it without its first line, without its "
        "last line, without asterisks, or several of these (IFEval's loose accuracy)",
    )


def make_instructions_reward(options: InstructionsReward, base: Path) -> RewardFn:
    """Score by the row's instructions."""

    def score_one(completion: str, row: Row) -> float:
        kept = instructions_kept(completion, instructions_of(row), loose=options.loose)
        return float(all(kept)) if options.whole else sum(kept) / len(kept)

    return per_completion(score_one)


def instructions_kept(answer: str, instructions: Sequence[VerifiableInstruction], *, loose: bool = False) -> list[bool]:
    """Whether the answer keeps each instruction. An empty answer keeps none."""
    forms = [form for form in (loose_forms(answer) if loose else (answer,)) if form.strip()]
    return [any(one.kept(form) for form in forms) for one in instructions]


def loose_forms(answer: str) -> Iterator[str]:
    """The answer itself, and its forms without the first line, the last line and asterisks, in every combination."""
    lines = answer.split("\n")
    for first, last, plain in product((0, 1), (0, 1), (False, True)):
        form = "\n".join(lines[first : len(lines) - last]).strip() if first or last else answer
        yield form.replace("*", "") if plain else form


REWARDS = (RewardKind(InstructionsReward, make_instructions_reward, answer_alone=True),)
