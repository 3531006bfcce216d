"""What a reward is: a function of completions and their rows, and what a recipe can say about any of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.rewards.interrupts import from_user

T = TypeVar("T")

Row = Mapping[str, Any]
"""Every column of the prompt's row."""

Score = float | None
"""None: the reward does not apply to this completion of this row."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A reward cannot judge a completion, and this is no fault of the reward. It is counted by its reason.

    Args:
        reason: why, in few words that are the same for many rows, such as "`target` is null".
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A reward should judge a completion, and it broke. It is counted as a failure, with the row's place.

    Args:
        reason: why, without the row's place or the reward's name: `score` adds both.
    """

    reason: str


Verdict = Score | NotApplicable
"""What a reward says of one completion. None is a `NotApplicable` without a reason."""

Batch = Callable[[Sequence[str], Sequence[Row]], Sequence[Verdict | Failed]]
"""Completions and their rows → one verdict each. If it raises, all of them failed; so `each` catches one by one."""


class RewardOptions(Options):
    """What every reward has."""

    weight: float = Field(default=1.0, allow_inf_nan=False, description="of this reward in the sum; negative: a cost")

    def check(self, base: Path) -> None:
        """Check the files that the reward reads; most rewards have none.

        Args:
            base: the recipe's folder.

        Raises:
            InputError: a file is at fault.
        """


def each(score_one: Callable[[str, Row], Verdict]) -> Batch:
    """A batch of calls to a function of one completion and its row; one that raises fails alone."""

    def run(completions: Sequence[str], rows: Sequence[Row]) -> list[Verdict | Failed]:
        return [attempt(score_one, completion, row) for completion, row in zip(completions, rows, strict=True)]

    return run


def attempt(score_one: Callable[[str, Row], T], completion: str, row: Row) -> T | Failed:
    """One call. What it raises becomes a `Failed`, also an exit or an interrupt that does not come from the user."""
    try:
        return score_one(completion, row)
    except BaseException as error:
        return failed(error)


def failed(error: BaseException) -> Failed:
    """The failure of a reward that raised this.

    Raises:
        KeyboardInterrupt: the error is the user's own Ctrl-C.
    """
    if from_user(error):
        raise error
    return Failed(reason_of(error))


def reason_of(error: BaseException) -> str:
    """An exception as a sentence: an `InputError` speaks for itself, others are named with the line they come from."""
    if isinstance(error, InputError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return said if trace is None else f"{said} ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


def column(row: Row, name: str) -> Any:
    """A column of the row; None where the row has the column and leaves it empty.

    Raises:
        InputError: the row has no such column.
    """
    if name not in row:
        raise InputError(f"no column `{name}`, which the reward reads (the row has {', '.join(row) or 'none'})")
    return row[name]
