"""Options of the data audit as a stage."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from posttrain.data.options import DataSource, as_sources
from posttrain.recipe.stages.base import Makes, ModelStage


class AuditStage(ModelStage):
    """Data audit before training: it finds duplicates, contradictions, leakage, secrets and rows that would be cut."""

    runner: ClassVar[str] = "posttrain.stages.audit"
    starter: ClassVar[str] = "posttrain.recipe:starters/audit.yaml"
    makes: ClassVar[Makes] = "data"

    kind: Literal["audit"]
    against: Annotated[tuple[DataSource, ...], BeforeValidator(as_sources)] = Field(
        default=(), description="evaluation data; the rows must not contain any of it"
    )
    waive: tuple[str, ...] = Field(
        default=(), description="names of blocking findings that do not stop the run; the run records them"
    )
    presidio: str | None = Field(
        default=None,
        description="name of a spaCy model, or `blank`; if set, Presidio also looks for personal data",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return tuple(source.path for source in (*self.data, *self.against))
