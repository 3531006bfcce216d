"""Options of the data audit as a stage."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from posttrain.data.options import DataSource, as_sources
from posttrain.recipe.stages.base import Makes, ModelStage


class AuditStage(ModelStage):
    """Look at the data before training: duplicates, contradictions, leakage, secrets, rows that would be cut."""

    runner: ClassVar[str] = "posttrain.stages.audit"
    starter: ClassVar[str] = "posttrain.recipe:starters/audit.yaml"
    makes: ClassVar[Makes] = "data"

    kind: Literal["audit"]
    against: Annotated[tuple[DataSource, ...], BeforeValidator(as_sources)] = Field(
        default=(), description="evaluation data that must not stand among the rows"
    )
    waive: tuple[str, ...] = Field(
        default=(), description="blocking findings to let pass, by name; recorded in the run"
    )
    presidio: str | None = Field(
        default=None, description="a spaCy model's name, or `blank`: look for personal data with Presidio too"
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in (*self.data, *self.against))
