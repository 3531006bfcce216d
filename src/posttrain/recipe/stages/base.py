"""The options that all stages share, and the properties that other modules read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import BUILT_IN, DataOptions, RowOptions
from posttrain.data.sets.split import Held
from posttrain.evaluate.gates.options import Gates
from posttrain.options import Options
from posttrain.policy.options import PlaceOptions, PolicyOptions
from posttrain.rewards.types import RewardOptions
from posttrain.train.options import TrainOptions

Makes = Literal["causal", "score", "data"]
"""The output of a stage: a model that generates text, a model that scores, or data without a model."""


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A model that a stage uses in addition to its start model.

    Args:
        key: the key path that names the model, such as ``rewards.helpful.model``.
        name: an earlier stage's name, a folder or a hub id.
        makes: the output that the model must give.
    """

    key: str
    name: str
    makes: Makes


class StageOptions(Options):
    """The base of every kind of stage.

    A kind of stage is a subclass with a field ``kind: Literal[...]``. Its class variables register it:

    - ``runner``: the module that runs the stage; it holds a `Runner` named ``RUNNER``.
    - ``starter``: the commented starting recipe, as ``package:file``.
    - ``makes``: the output of the stage.
    - ``product``: the data file that the stage writes; later stages read it under the stage's name.
    """

    runner: ClassVar[str]
    starter: ClassVar[str]
    makes: ClassVar[Makes] = "causal"
    product: ClassVar[str | None] = None

    @classmethod
    def kind_name(cls) -> str | None:
        """The value of ``kind``, such as ``sft``; None for a base class without a ``kind`` field."""
        field = cls.model_fields.get("kind")
        return None if field is None else str(get_args(field.annotation)[0])

    @property
    def start(self) -> str | None:
        """The start model, as the recipe names it; None for the recipe's `model`, or if the stage needs no model."""
        return None

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The start models, as the stage names them; empty for the recipe's `model`, or if the stage needs no model."""
        return ()

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """The models that the stage uses in addition to its start model."""
        return ()

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """Key path → another file that the stage reads, such as ``rewards.mine.file``. Data files are in `paths`."""
        return {}

    @property
    def not_inputs(self) -> Mapping[str, Any]:
        """The keys on which the result does not depend, as `exclude` of pydantic's `model_dump`."""
        return {"gates": True}

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Key path → reward that the stage uses, such as ``rewards.mine``."""
        return {}


class ModelStage(StageOptions, RowOptions, PlaceOptions):
    """A stage that reads rows with a model's tokenizer."""

    model: str | None = Field(
        default=None, description="start model: an earlier stage's name, a folder or a hub id; default: the recipe's"
    )

    @property
    def start(self) -> str | None:
        """The start model; None for the recipe's `model`."""
        return self.model

    @property
    def starts_from(self) -> tuple[str, ...]:
        """The start models, as the stage names them; empty for the recipe's `model`."""
        return () if self.model is None else (self.model,)

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return tuple(source.path for source in self.data)

    @property
    def files(self) -> Mapping[str, str]:
        """The chat template, if it is a file."""
        own = {} if self.template is None or self.template in BUILT_IN else {"template": self.template}
        return {**super().files, **own}


class TrainingStage(ModelStage, DataOptions, TrainOptions, PolicyOptions):
    """A stage that trains a model. A subclass sets ``rows``, the kind of rows that the stage reads."""

    rows: ClassVar[Kind]

    gates: Gates = Field(
        default=(), description="claims about the stage's model, shown by its suites, without which the run stops"
    )

    @property
    def not_inputs(self) -> Mapping[str, Any]:
        """The keys on which the result does not depend, apart from rounding."""
        return {**super().not_inputs, "parallel": True}

    @property
    def can_be_in_shards(self) -> bool:
        """Whether the weights can be divided among processes; blocks of 8-bit moments would depend on their number."""
        return super().can_be_in_shards and self.optimizer == "adamw"

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage, including held-out data."""
        held_out = self.validation if isinstance(self.validation, tuple) else ()
        return tuple(source.path for source in (*self.data, *held_out))

    @property
    def held_out_names(self) -> tuple[Held, Held]:
        """The held-out tasks and phrasings: their names, or a share of them."""
        return (), ()

    @property
    def answer_tokens(self) -> int:
        """The tokens of `max_length` that are reserved for a generated answer; 0 if the rows contain the answers."""
        return 0
