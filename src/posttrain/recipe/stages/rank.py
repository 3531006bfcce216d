"""Options of the stage in which people rank candidates."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from posttrain.annotate.exchange.export_options import PairOptions
from posttrain.annotate.work.settings import Settings
from posttrain.data.options import Sources
from posttrain.recipe.stages.base import Makes, StageOptions


class RankStage(StageOptions, PairOptions):
    """The stage in which people rank candidates. It trains nothing and needs no model."""

    runner: ClassVar[str] = "posttrain.stages.rank"
    starter: ClassVar[str] = "posttrain.recipe:starters/rank.yaml"
    makes: ClassVar[Makes] = "data"
    product: ClassVar[str | None] = "export/train.jsonl"

    kind: Literal["rank"]
    data: Sources = Field(description="candidates to rank: the name of a `candidates` stage, or files of rows")
    db: str = Field(
        default="annotate.db", description="database: an SQLite file in the recipe's folder, or postgresql://..."
    )
    project: str = Field(default="ranking", min_length=1, max_length=80, description="name of the project in the app")
    settings: Settings = Field(default=Settings(), description="settings of a new project")
    guideline: str | None = Field(
        default=None, description="text file in the recipe's folder: the guideline for annotators of a new project"
    )
    what: Literal["rankings", "pairs"] = Field(
        default="pairs", description="training data: pairs from all rankings, or each person's ranking"
    )
    serve: bool = Field(
        default=False, description="start the app, for this machine only, while the run waits for people (--wait)"
    )
    simulated: int = Field(
        default=0,
        ge=0,
        le=50,
        description="simulated annotators, for demos and tests; they rank by length and are marked as simulated",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return tuple(source.path for source in self.data)

    @property
    def files(self) -> Mapping[str, str]:
        """The guideline, if the recipe has one."""
        return {} if self.guideline is None else {"guideline": self.guideline}
