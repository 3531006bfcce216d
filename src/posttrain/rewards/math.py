"""The reward `math`: whether a completion's final answer equals the row's, numbers exactly and formulas by algebra."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from posttrain.errors import InputError
from posttrain.rewards.answer import final_answer, marked_answer, tidy
from posttrain.rewards.equality import equal
from posttrain.rewards.quantity import LONGEST, Quantity, quantities
from posttrain.rewards.types import RewardFn, RewardKind, RewardOptions, Row, Score, column, per_completion


class MathReward(RewardOptions):
    """1 where the final answer equals the row's, else 0. `final_answer` describes where it is looked for."""

    kind: Literal["math"]
    target: str = Field(default="target", description="column of the right answer: a number, LaTeX, or GSM8K's text")
    tolerance: float = Field(default=1e-6, ge=0, lt=1, description="relative; two integers must be equal")


def make_math_reward(options: MathReward, base: Path) -> RewardFn:
    """Score by the row's target; None where it is null."""

    def score_one(completion: str, row: Row) -> Score:
        target = column(row, options.target)
        return None if target is None else math_score(completion, target, options.tolerance)

    return per_completion(score_one)


def math_score(completion: str, target: Any, tolerance: float = 1e-6) -> float:
    """1.0 if the completion's final answer equals the target, else 0.0.

    Raises:
        InputError: the target is neither a number nor a formula, or even its comparison with 1 takes too long.
    """
    marked = marked_answer(str(target))
    wanted = tidy(str(target)) if marked is None else marked
    if not wanted or wanted.casefold() == "nan" or len(wanted) > LONGEST:
        raise InputError(f"the target {str(target)[:80]!r} is neither a number nor a formula that can be read")
    given = final_answer(completion, numeric=bool(quantities(wanted)))
    if not given or len(given) > LONGEST:
        return 0.0
    return float(equal(wanted, given, tolerance))


def first_quantity(answer: str) -> Quantity | None:
    """The answer as a quantity, by its first meaning; None where it is no quantity."""
    return next(iter(quantities(answer)), None)


REWARDS = (RewardKind(MathReward, make_math_reward, compares=True),)
