"""The options of candidates, as a recipe states them."""

from pydantic import Field

from posttrain.options import Options


class CandidateOptions(Options):
    """How many candidates a prompt gets, and how different they are."""

    k: int = Field(default=4, ge=2, le=26, description="candidates a prompt, shared out evenly among the models")
    similar: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="completions with equal numbers and this share of their characters in common count as the same",
    )
    redraws: int = Field(default=3, ge=0, le=20, description="rounds of further draws for what was too similar")
    temperature_step: float = Field(
        default=0.0, ge=0, le=1, description="added to the temperature in each of these rounds"
    )
