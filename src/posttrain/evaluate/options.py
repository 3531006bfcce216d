"""Options of the evaluation suites."""

from typing import Literal

from pydantic import Field

from posttrain.data.options import Sources
from posttrain.options import Options

MetricName = Literal["exact", "json_equal", "json_valid", "contains", "refused"]


class SuiteOptions(Options):
    """Questions put to a model, and how its answers are measured: before training and after each stage."""

    data: Sources = Field(
        description="a path, a source, or a list of either: rows of input and target (one or several), or of prompt "
        "and completion; also id and metadata (slice, refusal)"
    )
    metric: MetricName = Field(description="measure of one answer, 0 to 1")
    max_new_tokens: int = Field(default=128, ge=1, description="an answer that has not ended by then is cut")
    rows: int | None = Field(default=None, ge=1, description="use only the first rows")
    slices: bool = Field(default=True, description="report each `metadata.slice` apart")
    stages: tuple[str, ...] | None = Field(default=None, description="stages to measure after; all of them if unset")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every data path it names."""
        return tuple(source.path for source in self.data)
