"""The recipe's options for data."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from posttrain.options import Options, TemplateArguments

Truncation = Literal["error", "drop", "left", "right"]

Reasoning = Literal["train", "mask", "drop"]


def _each_from_its_own(columns: Mapping[str, str]) -> Mapping[str, str]:
    taken: dict[str, str] = {}
    for standard, name in columns.items():
        if name in taken:
            raise ValueError(f"{taken[name]} and {standard} are both read from the column `{name}`")
        taken[name] = standard
    return columns


class DataSource(Options):
    """A source of rows: a file, a folder of files, or ``hf://org/name``."""

    path: str = Field(min_length=1, description="path from the recipe's folder, or hf://org/name")
    columns: Annotated[Mapping[str, str], AfterValidator(_each_from_its_own)] = Field(
        default={}, description="standard name: name of the column in the file, if they differ"
    )
    task: str | None = Field(
        default=None, description="the task of all its rows; a `task` column names it for each row"
    )
    weight: float = Field(default=1.0, gt=0, description="IFT: how often the task is drawn, relative to its size")
    rows: int | None = Field(default=None, ge=1, description="number of first rows to read; all if unset")


def as_sources(value: Any) -> Any:
    """A list of sources, from a path, one source, or a list of either."""
    if value is None:
        return None
    items: Any = value if isinstance(value, list | tuple) else [value]
    return [{"path": item} if isinstance(item, str) else item for item in items]


Sources = Annotated[tuple[DataSource, ...], Field(min_length=1), BeforeValidator(as_sources)]


def _as_validation(value: Any) -> Any:
    return as_sources(value) if isinstance(value, str | list | tuple | dict | DataSource) else value


BUILT_IN = ("plain", "chatml", "raw")
"""Chat templates of this package, for models that have none; `template` names them."""


class RowOptions(Options):
    """The rows that a stage reads, and how they become tokens."""

    data: Sources = Field(description="a path, a source, or a list of either")
    max_length: int | None = Field(
        default=None,
        ge=2,
        description="tokens of a prompt with one completion; the model's own limit, at most 2048, if unset",
    )
    truncation: Truncation = Field(default="drop", description="what to do with a longer row: error, drop, left, right")
    template: str | None = Field(
        default=None,
        description="chat template: plain, chatml, raw (a text is continued) or a Jinja file; the model's own if unset",
    )

    template_arguments: TemplateArguments = Field(
        default={},
        description="variables that the chat template reads, such as {enable_thinking: false}; the saved model keeps "
        "them as defaults of its template, and a row's `chat_template_kwargs` override them",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path of these options."""
        return tuple(source.path for source in self.data)


class ReasoningOptions(Options):
    """What a stage does with the reasoning traces of its rows."""

    reasoning: Reasoning = Field(
        default="train",
        description="reasoning traces of answers: train (they bear loss where the template writes them), mask (the "
        "model reads them without loss; a reward model has no such loss), drop (they are removed before the template "
        "renders the row)",
    )


class DataOptions(RowOptions):
    """The rows that a stage trains on, and those that it is evaluated on."""

    validation: Annotated[
        Annotated[tuple[DataSource, ...], Field(min_length=1)] | Annotated[float, Field(gt=0, lt=1)] | None,
        BeforeValidator(_as_validation),
    ] = Field(default=None, description="held-out sources, or the share of prompts to hold out of `data`")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path of these options, held out or not."""
        held_out = self.validation if isinstance(self.validation, tuple) else ()
        return tuple(source.path for source in (*self.data, *held_out))
