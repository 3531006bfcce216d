"""What a reward is: a function of completions and their rows, and what a recipe can say about any of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from posttrain.errors import InputError
from posttrain.options import Options

Row = Mapping[str, Any]
"""Every column of the prompt's row."""

Score = float | None
"""None: the reward does not apply to this row."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A reward that could not say: not applicable, counted as a failure.

    Args:
        reason: why, without the row's place or the reward's name: `score` adds both.
    """

    reason: str


Batch = Callable[[Sequence[str], Sequence[Row]], Sequence[Score | Failed]]
"""Completions and their rows → one score each. If it raises, all of them failed; so `each` catches one by one."""


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


def each(score_one: Callable[[str, Row], Score]) -> Batch:
    """A batch of calls to a function of one completion and its row; one that raises fails alone."""

    def run(completions: Sequence[str], rows: Sequence[Row]) -> list[Score | Failed]:
        return [attempt(score_one, completion, row) for completion, row in zip(completions, rows, strict=True)]

    return run


def attempt(score_one: Callable[[str, Row], Score], completion: str, row: Row) -> Score | Failed:
    """One call; what it raises becomes a `Failed`."""
    try:
        return score_one(completion, row)
    except Exception as error:
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
