"""The types of rewards: options, the functions that score, their verdicts, and the registration of a kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from pydantic import Field

from posttrain.errors import InputError
from posttrain.options import Options
from posttrain.rewards.interrupts import is_user_interrupt

T = TypeVar("T")

Row = Mapping[str, Any]
"""Every column of the prompt's row."""

Score = float | None
"""A number, or None where the reward does not apply to this completion of this row."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The reward cannot judge a completion, and this is no fault of the reward. The run counts these by reason.

    Args:
        reason: few words that are the same for many rows, such as "`target` is null".
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The reward should judge a completion, and it broke. The run counts it as a failure at the row's place.

    Args:
        reason: what broke, without the row's place and the reward's name: `combined` adds both.
    """

    reason: str


Verdict = Score | NotApplicable
"""A reward's result for one completion. None is a `NotApplicable` without a reason."""

AnswerForm = Literal["text", "json", "program"]
"""The form of the answers that a reward scores."""

RewardFn = Callable[[Sequence[str], Sequence[Row]], Sequence[Verdict | Failed]]
"""Completions and their rows → one verdict each. If it raises, every completion counts as failed; `per_completion`
makes one that catches errors completion by completion."""


class RewardOptions(Options):
    """What every reward has."""

    if TYPE_CHECKING:
        kind: Any  # each reward declares its own Literal

    weight: float = Field(default=1.0, allow_inf_nan=False, description="of this reward in the sum; negative: a cost")

    def check(self, base: Path) -> None:
        """Check the files and functions that the reward uses; most rewards use none.

        Args:
            base: the recipe's folder.

        Raises:
            InputError: a file or function is at fault.
        """

    def source_hash(self) -> str | None:
        """Hash of code that the reward runs and that is in no file of the recipe; None where there is none."""
        return None


@dataclass(frozen=True, slots=True)
class RewardKind:
    """The registration of a kind of reward: a module lists its kinds in a tuple `REWARDS`.

    Args:
        options: the keys that a recipe may set. Its field `kind` is a Literal of one name.
        make: from the options and the recipe's folder to the function that scores. None: the reward reads tokens and
            no text, and the stage scores its groups.
        compares: whether it compares with a column of the row, so that a right answer gets 1.
        needs_model: whether it needs a language model: a judge's server, or the weights of a reward model.
        user_code: whether the user wrote the function that scores; it may then fail on an empty completion.
        answer_form: the form of the answers that it scores; a program runs in a sandbox.
        answer_alone: whether it scores the text behind the reasoning trace alone; a trace without end gets 0.
    """

    options: type[RewardOptions]
    make: Callable[[Any, Path], RewardFn] | None
    compares: bool = False
    needs_model: bool = False
    user_code: bool = False
    answer_form: AnswerForm = "text"
    answer_alone: bool = False

    @property
    def name(self) -> str:
        """The value of `kind` in a recipe.

        Raises:
            InputError: `kind` is not a Literal of one text.
        """
        field = self.options.model_fields.get("kind")
        match get_args(field.annotation) if field else ():
            case (str(name),):
                return name
            case _:
                raise InputError(f"{self.options.__qualname__} needs a field `kind: Literal[...]` of one name")

    @property
    def reads_tokens(self) -> bool:
        """Whether the reward reads tokens and no text."""
        return self.make is None


def per_completion(score_one: Callable[[str, Row], Verdict]) -> RewardFn:
    """Score completions one by one; a call that raises fails alone."""

    def run(completions: Sequence[str], rows: Sequence[Row]) -> list[Verdict | Failed]:
        return [attempt(score_one, completion, row) for completion, row in zip(completions, rows, strict=True)]

    return run


def attempt(score_one: Callable[[str, Row], T], completion: str, row: Row) -> T | Failed:
    """Score one completion. An exception becomes a `Failed`; so does an exit, or an interrupt not sent by the user."""
    try:
        return score_one(completion, row)
    except BaseException as error:
        return failure_of(error)


def failure_of(error: BaseException) -> Failed:
    """The failure of a reward that raised this error.

    Raises:
        KeyboardInterrupt: the error is the user's own Ctrl-C.
    """
    if is_user_interrupt(error):
        raise error
    return Failed(describe_exception(error))


def describe_exception(error: BaseException) -> str:
    """The message of an `InputError`; for other exceptions the type, the message, and the line that raised it."""
    if isinstance(error, InputError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return message if trace is None else f"{message} ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"


def column(row: Row, name: str) -> Any:
    """A column of the row; None where the row has the column and leaves it empty.

    ``metadata.facts`` is the entry `facts` of the column `metadata`; None where the entry is missing.

    Raises:
        InputError: the row has no such column.
    """
    if name in row:
        return row[name]
    first, *rest = name.split(".")
    if first not in row or not rest:
        raise InputError(f"no column `{name}`, which the reward reads (the row has {', '.join(row) or 'none'})")
    value = row[first]
    for key in rest:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
