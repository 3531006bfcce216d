"""The options that all stages share, and the properties that other modules read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from pydantic import Field

from posttrain.data.formats.conventions import Kind
from posttrain.data.options import DataOptions, RowOptions
from posttrain.data.sets.split import Held
from posttrain.options import Options
from posttrain.policy.options import PlaceOptions, PolicyOptions
from posttrain.rewards.types import RewardOptions
from posttrain.train.options import TrainOptions

Makes = Literal["causal", "score", "data"]
"""What a stage leaves: a model that generates text, a model that scores, or data and no model."""


@dataclass(frozen=True, slots=True)
class OtherModel:
    """A model that a stage uses beside the one it starts from.

    Args:
        key: where the stage names it, such as ``rewards.helpful.model``.
        name: an earlier stage's name, a folder or a hub id.
        makes: what it must do.
    """

    key: str
    name: str
    makes: Makes


class StageOptions(Options):
    """The base of every kind of stage.

    A kind of stage is a subclass with a field ``kind: Literal[...]``. Its class variables register it:

    - ``runner``: the module that runs it; it holds a `Runner` named ``RUNNER``.
    - ``starter``: its commented starting recipe, as ``package:file``.
    - ``makes``: what it leaves.
    - ``product``: the file of data that it leaves in its folder, which later stages read under the stage's name.
    """

    runner: ClassVar[str]
    starter: ClassVar[str]
    makes: ClassVar[Makes] = "causal"
    product: ClassVar[str | None] = None

    @classmethod
    def kind_name(cls) -> str | None:
        """The value of ``kind``, such as ``sft``; None for a class that kinds only inherit from."""
        field = cls.model_fields.get("kind")
        return None if field is None else str(get_args(field.annotation)[0])

    @property
    def start(self) -> str | None:
        """The model it starts from, as the recipe names it; None for the recipe's own, or for no model."""
        return None

    @property
    def starts_from(self) -> tuple[str, ...]:
        """All models it starts from, as it names them; empty for the recipe's own, or for none."""
        return ()

    @property
    def others(self) -> tuple[OtherModel, ...]:
        """Models it uses beside the one it starts from."""
        return ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """Files it depends on beside its data, by the key that names them, such as ``rewards.mine.file``."""
        return {}

    @property
    def reward_specs(self) -> Mapping[str, RewardOptions]:
        """Rewards it scores with, by the key that names them, such as ``rewards.mine``."""
        return {}


class ModelStage(StageOptions, RowOptions, PlaceOptions):
    """A stage that reads rows with a model's tokenizer."""

    model: str | None = Field(
        default=None, description="an earlier stage's name, a folder or hub id; the recipe's if unset"
    )

    @property
    def start(self) -> str | None:
        """The model it starts from; None for the recipe's own."""
        return self.model

    @property
    def starts_from(self) -> tuple[str, ...]:
        """All models it starts from, as it names them; empty for the recipe's own."""
        return () if self.model is None else (self.model,)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in self.data)


class TrainingStage(ModelStage, DataOptions, TrainOptions, PolicyOptions):
    """A stage that changes a model's weights. A subclass names the kind of ``rows`` it reads."""

    rows: ClassVar[Kind]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names, held out or not."""
        held_out = self.validation if isinstance(self.validation, tuple) else ()
        return tuple(source.path for source in (*self.data, *held_out))

    @property
    def held_out_names(self) -> tuple[Held, Held]:
        """Tasks and phrasings that are only evaluated on: their names, or a share of them."""
        return (), ()

    @property
    def answer_tokens(self) -> int:
        """Tokens of `max_length` that are kept free for a generated answer; 0 where rows have answers."""
        return 0
