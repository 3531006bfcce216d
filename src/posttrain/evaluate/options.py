"""The options that every kind of suite has."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from posttrain.data.options import Sources
from posttrain.options import Options, TemplateArguments

SuiteTask = Literal["causal", "score"]
"""The model that a suite measures: one that writes, or a reward model."""

SuiteRows = Literal["questions", "preferences", "texts"]
"""What the rows of a suite are."""


class SuiteOptions(Options):
    """Questions for a model, and how its answers are measured: before training and after each stage."""

    task: ClassVar[SuiteTask] = "causal"
    holds: ClassVar[SuiteRows] = "questions"

    if TYPE_CHECKING:
        kind: Any  # each kind of suite declares its own Literal

    data: Sources = Field(
        description="a path, a source, or a list of either: rows of input and target (one or several), or of prompt "
        "and completion; also id and metadata (slice, group_id, expected_behavior)"
    )
    max_new_tokens: int = Field(default=128, ge=1, description="an answer that has not ended by then is cut")
    samples: int = Field(default=1, ge=1, le=256, description="answers to each question; several need a temperature")
    temperature: float = Field(default=0.0, ge=0, description="of sampling; 0 takes the most probable token each time")
    rows: int | None = Field(default=None, ge=1, description="use only the first rows")
    slices: bool = Field(default=True, description="also report each `metadata.slice` by itself")
    stages: tuple[str, ...] | None = Field(default=None, description="stages to measure after; all of them if unset")
    template_arguments: TemplateArguments = Field(
        default={},
        description="variables of the chat template for this suite, such as {enable_thinking: true}; they override "
        "those of the stage and of the model's folder, and a row's `chat_template_kwargs` override them",
    )

    @model_validator(mode="after")
    def _several_answers_differ(self) -> "SuiteOptions":
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("`samples`: at temperature 0 all answers are the same; set `temperature`")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in self.data)
