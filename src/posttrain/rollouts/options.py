"""What a recipe can say about alarms: the known ways on-policy training fails."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class AlarmOptions(Options):
    """The limits of the alarms, and whether an alarm stops the run."""

    action: Literal["note", "stop"] = Field(
        default="note", description="note: say so and go on; stop: end the stage before it learns from such a rollout"
    )
    max_kl: float | None = Field(
        default=None, gt=0, description="KL to the reference, nats a completion, over this is over budget"
    )
    max_length_growth: float | None = Field(
        default=4.0, gt=1, description="completions this many times as long as in the first rollout: length explosion"
    )
    min_entropy: float | None = Field(
        default=0.05, gt=0, lt=1, description="entropy below this share of the first rollout's: collapse"
    )
    gold: bool = Field(
        default=True, description="held-out reward up while a gold reward falls by more than two standard errors"
    )
