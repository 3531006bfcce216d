"""The recipe's options for candidates."""

from pydantic import Field

from posttrain.options import Options


class CandidateOptions(Options):
    """The number of candidates per prompt, and how different they must be."""

    k: int = Field(default=4, ge=2, le=26, description="candidates per prompt, divided evenly among the models")
    similar: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="two completions are too similar if they share this share of their characters and all numbers",
    )
    redraws: int = Field(default=3, ge=0, le=20, description="rounds of further draws that replace similar ones")
    temperature_step: float = Field(
        default=0.0, ge=0, le=1, description="increase of the temperature in each of these rounds"
    )
