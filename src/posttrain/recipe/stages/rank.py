"""Options of the stage in which people rank candidates."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from posttrain.annotate.exchange.export_options import PairOptions
from posttrain.annotate.work.settings import Settings
from posttrain.data.options import Sources
from posttrain.recipe.stages.base import Makes, StageOptions


class RankStage(StageOptions, PairOptions):
    """People rank candidates. It trains nothing, and needs no model."""

    runner: ClassVar[str] = "posttrain.stages.rank"
    starter: ClassVar[str] = "posttrain.recipe:starters/rank.yaml"
    makes: ClassVar[Makes] = "data"
    product: ClassVar[str | None] = "export/train.jsonl"

    kind: Literal["rank"]
    data: Sources = Field(description="candidates: a stage of that kind, or files of rows to rank")
    db: str = Field(default="annotate.db", description="a file beside the recipe (SQLite), or postgresql://...")
    project: str = Field(default="ranking", min_length=1, max_length=80, description="the project's name in the app")
    settings: Settings = Field(default=Settings(), description="what the project asks of its people, if it is new")
    guideline: str | None = Field(
        default=None, description="a text file beside the recipe: what a new project tells its people"
    )
    what: Literal["rankings", "pairs"] = Field(default="pairs", description="every person's ranking, or pairs of all")
    serve: bool = Field(
        default=False, description="start the app, on this machine alone, while the run waits for people (--wait)"
    )
    simulated: int = Field(
        default=0, ge=0, le=50, description="demos and tests: simulated annotators who rank by length, marked as such"
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in self.data)

    @property
    def files(self) -> Mapping[str, str]:
        """The guideline, if it brings one."""
        return {} if self.guideline is None else {"guideline": self.guideline}
