"""The recipe's options for the choice among scored candidates."""

from typing import Literal

from pydantic import Field, model_validator

from posttrain.options import Options

Keep = Literal["best", "pairs", "rankings"]


class PickOptions(Options):
    """The rows that scored candidates give."""

    keep: Keep = Field(
        default="best", description="best: rows for SFT; pairs: best against worst, for DPO; rankings: by score"
    )
    per_prompt: int = Field(default=1, ge=1, le=25, description="rows per prompt, at most, for `best` and `pairs`")
    min_score: float | None = Field(
        default=None, description="least score of a best candidate: the one to imitate, the chosen one, or the first"
    )
    min_difference: float = Field(
        default=0.0, ge=0, description="least difference of scores in a pair, or between neighbours in a ranking"
    )

    @model_validator(mode="after")
    def _options_fit_the_rows(self) -> "PickOptions":
        if self.keep == "best" and self.min_difference:
            raise ValueError("`min_difference` is for pairs and rankings; set `min_score` for `keep: best`")
        if self.keep == "rankings" and self.per_prompt > 1:
            raise ValueError("a prompt gives one ranking; remove `per_prompt`")
        return self
