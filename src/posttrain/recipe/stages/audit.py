"""Options of the data audit as a stage."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from posttrain.data.options import DataSource, as_sources
from posttrain.recipe.stages.base import Makes, ModelStage


def _each_with_a_reason(waivers: Any) -> Any:
    if isinstance(waivers, list | tuple):
        example = waivers[0] if waivers else "exact-duplicate"
        raise ValueError(f"each waiver needs a reason; write {{{example}: the reason}}")
    return waivers


class AuditStage(ModelStage):
    """Data audit before training: it finds duplicates, contradictions, leakage, secrets and rows that would be cut."""

    runner: ClassVar[str] = "posttrain.stages.audit"
    starter: ClassVar[str] = "posttrain.recipe:starters/audit.yaml"
    makes: ClassVar[Makes] = "data"

    kind: Literal["audit"]
    against: Annotated[tuple[DataSource, ...], BeforeValidator(as_sources)] = Field(
        default=(), description="evaluation data; the rows must not contain any of it"
    )
    waive: Annotated[Mapping[str, Annotated[str, Field(min_length=1)]], BeforeValidator(_each_with_a_reason)] = Field(
        default={}, description="name of a blocking finding → why it does not stop the run; the run records both"
    )
    presidio: str | None = Field(
        default=None,
        description="name of a spaCy model, or `blank`; if set, Presidio also looks for personal data",
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """All data paths of the stage."""
        return tuple(source.path for source in (*self.data, *self.against))
