"""What a training stage can say, and what tells one technique from another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from posttrain.data.options import DataOptions
from posttrain.policy.options import PolicyOptions
from posttrain.stages.context import Figure
from posttrain.train.options import TrainOptions

if TYPE_CHECKING:
    from posttrain.core.outputs import Objective
    from posttrain.data.example import Example
    from posttrain.data.formats import Kind
    from posttrain.data.prepare import Prepared
    from posttrain.data.store import GroupStore
    from posttrain.policy.load import Task
    from posttrain.train.source import Order


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
    makes: Literal["causal", "score"]


class TrainingStage(DataOptions, TrainOptions, PolicyOptions):
    """A stage that changes a model's weights."""

    model: str | None = Field(
        default=None, description="an earlier stage's name, a folder or hub id; the recipe's if unset"
    )

    @property
    def others(self) -> tuple[Other, ...]:
        """Models it uses beside the one it starts from."""
        return ()

    @property
    def files(self) -> tuple[str, ...]:
        """Files it depends on beside its data."""
        return ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a run of a stage would do, told before any weight is loaded.

    Args:
        about: what was read, kept, cut and left out.
        steps: optimiser steps.
        memory: bytes beside those of training, by purpose.
    """

    about: Mapping[str, Any]
    steps: int
    memory: Mapping[str, int] = field(default_factory=dict)


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
