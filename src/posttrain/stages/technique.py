"""What a stage can say, and what tells one training technique from another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field

from posttrain.data.options import DataOptions, RowOptions
from posttrain.data.summary import DataSummary
from posttrain.policy.options import PlaceOptions, PolicyOptions
from posttrain.rewards.types import RewardOptions
from posttrain.stages.context import Context, Figure
from posttrain.train.options import TrainOptions

if TYPE_CHECKING:
    from posttrain.core.outputs import Objective
    from posttrain.data.chat.renderer import Renderer
    from posttrain.data.example import Example
    from posttrain.data.formats.conventions import Kind
    from posttrain.data.sets.prepare import Prepared
    from posttrain.data.sets.store import GroupStore
    from posttrain.policy.load import Task
    from posttrain.train.batches import Order


Makes = Literal["causal", "score", "data"]
"""What a stage leaves: a model that writes, a model that scores, or data and no model."""


@dataclass(frozen=True, slots=True)
class Other:
    """A model that a stage uses beside the one it starts from.

    Args:
        key: where the stage names it, such as ``rewards.helpful.model``.
        name: an earlier stage's name, a folder or a hub id.
        makes: what it must do.
    """

    key: str
    name: str
    makes: Makes


class BaseStage(RowOptions, PlaceOptions):
    """What every stage says: the rows it reads and the model it starts from."""

    model: str | None = Field(
        default=None, description="an earlier stage's name, a folder or hub id; the recipe's if unset"
    )

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The models it starts from, as it names them; empty for the recipe's."""
        return () if self.model is None else (self.model,)

    @property
    def others(self) -> tuple[Other, ...]:
        """Models it uses beside the one it starts from."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """Files it depends on beside its data, by where it names them, such as ``rewards.mine.file``."""
        return {}

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Rewards it scores with, by where it names them, such as ``rewards.mine``."""
        return {}


class TrainingStage(BaseStage, DataOptions, TrainOptions, PolicyOptions):
    """A stage that changes a model's weights."""


Trained = TypeVar("Trained", bound=TrainingStage)


def with_fitting_rows(stage: Trained, context: Context) -> Trained:
    """The stage with `row_tokens` for the model it starts from, where the recipe leaves it open."""
    if "row_tokens" in stage.model_fields_set:
        return stage
    from posttrain.policy.device import place
    from posttrain.policy.memory import fitting_row
    from posttrain.policy.shape import load_config

    config = load_config(context.model, trust_remote_code=stage.trust_remote_code)
    return stage.model_copy(update={"row_tokens": fitting_row(config, stage, place(stage).device)})


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run of a stage would do, told before any weight is loaded.

    Args:
        summary: what was read, kept, changed and skipped.
        steps: optimiser steps.
        memory: bytes at the peak, by purpose.
        renderers: how each model it starts from reads conversations.
        by_epochs: optimiser steps that the epochs alone would take.
    """

    summary: DataSummary
    steps: int
    memory: Mapping[str, int]
    renderers: "Sequence[Renderer]"
    by_epochs: int = 0


@dataclass(frozen=True, slots=True)
class Technique:
    """What tells one training stage from another.

    Args:
        kind: rows it reads.
        task: head it trains.
        objective: its loss.
        part_of: which part of the data a row belongs to.
        order: from the prepared data to the order of each epoch.
        figures: further lines of the summary, from the held-out validation set.
    """

    kind: "Kind"
    task: "Task"
    objective: "Objective"
    part_of: "Callable[[Example], str]"
    order: "Callable[[Prepared], Order]"
    figures: "Callable[[GroupStore], dict[str, Figure]]" = lambda store: {}
