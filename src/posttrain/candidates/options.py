"""The recipe's options for candidates."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from posttrain.options import Options

_OWN = ("id", "prompt", "system", "input", "context", "tools", "chat_template_kwargs", "candidates", "ranks")
"""Columns that a row of candidates has itself, or that a reader joins to its prompt."""


def _free_names(names: tuple[str, ...]) -> tuple[str, ...]:
    taken = next((name for name in names if name in _OWN), None)
    if taken is not None:
        raise ValueError(f"`{taken}` is a column of every row of candidates; leave it out")
    return names


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
    keep_columns: Annotated[tuple[str, ...], AfterValidator(_free_names)] = Field(
        default=(),
        description="columns of the prompts that the candidates keep, such as the answer that a reward of `pick` reads",
    )
    drop_truncated: bool = Field(
        default=False, description="leave out completions that reach max_new_tokens, as if they were too similar"
    )
    round: int = Field(
        default=1, ge=1, description="number of the round, which `rounds` sets; each round draws other completions"
    )
    shares: int = Field(
        default=1, ge=1, description="disjoint shares of the prompts; the stage reads the share of its round"
    )

    @model_validator(mode="after")
    def _round_has_a_share(self) -> "CandidateOptions":
        if 1 < self.shares < self.round:
            raise ValueError(f"`round` is {self.round}, but there are only {self.shares} `shares` of the prompts")
        return self
