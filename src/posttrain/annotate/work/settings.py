"""The settings of an annotation project."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from posttrain.options import Options

Criterion = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Settings(Options):
    """A project's settings, stored with the project."""

    overlap: int = Field(default=1, ge=1, le=50, description="people who judge each item")
    most: int | None = Field(
        default=None,
        ge=2,
        le=50,
        description="most people who judge an item on which earlier people disagree; the overlap if unset",
    )
    disagreement: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="Kendall's distance, 0 to 1, above which people disagree; a tie counts half",
    )
    adjudicate: bool = Field(default=True, description="whether an adjudicator settles items on which people disagree")
    flags: int = Field(
        default=2, ge=1, le=50, description="number of flags that set an item aside until an admin decides"
    )
    gold_every: int = Field(
        default=10,
        ge=0,
        le=1000,
        description="one in this many items is a hidden gold item, if there are any; 0 for none",
    )
    lease_minutes: float = Field(
        default=15, ge=0.01, le=1440, description="how long an item is reserved for one person"
    )
    criteria: tuple[Criterion, ...] = Field(
        default=(), max_length=8, description="yes-or-no questions about each candidate, for instance: correct"
    )
    rewrite: bool = Field(default=False, description="whether people may rewrite the best candidate, for SFT")
    view: Literal["text", "markdown"] = Field(default="text", description="how candidates are displayed at first")

    @model_validator(mode="after")
    def _check_consistency(self) -> "Settings":
        if self.most is not None and self.most < self.overlap:
            raise ValueError(f"most is {self.most}, less than the overlap of {self.overlap}")
        if len(set(self.criteria)) < len(self.criteria):
            raise ValueError("criteria names one twice")
        return self
