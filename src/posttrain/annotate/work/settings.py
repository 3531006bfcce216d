"""What a project asks of its people."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from posttrain.options import Options

Criterion = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Settings(Options):
    """A project's settings, kept with it."""

    overlap: int = Field(default=1, ge=1, le=50, description="people who judge each item")
    most: int | None = Field(
        default=None, ge=2, le=50, description="people at most, where those before disagree; the overlap if unset"
    )
    disagreement: float = Field(
        default=0.3, ge=0, lt=1, description="share of candidate pairs in opposite order from which people disagree"
    )
    adjudicate: bool = Field(default=True, description="whether an adjudicator settles what people disagree on")
    flags: int = Field(default=2, ge=1, le=50, description="flags that set an item aside until an admin has looked")
    gold_every: int = Field(
        default=10, ge=0, le=1000, description="one in so many items is a hidden gold one, as long as there are any"
    )
    lease_minutes: float = Field(default=15, ge=0.01, le=1440, description="how long an item is kept for one person")
    criteria: tuple[Criterion, ...] = Field(
        default=(), max_length=8, description="yes-or-no questions about each candidate, such as: correct"
    )
    rewrite: bool = Field(default=False, description="whether people may rewrite the best candidate, for SFT")
    view: Literal["text", "markdown"] = Field(default="text", description="how candidates are shown at first")

    @model_validator(mode="after")
    def _sensible(self) -> "Settings":
        if self.most is not None and self.most < self.overlap:
            raise ValueError(f"most is {self.most}, less than the overlap of {self.overlap}")
        if len(set(self.criteria)) < len(self.criteria):
            raise ValueError("criteria names one twice")
        return self
