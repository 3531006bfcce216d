"""The recipe's options for alarms on the known ways in which on-policy training fails."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class AlarmOptions(Options):
    """The limits of the alarms, and whether an alarm stops the run."""

    action: Literal["note", "stop"] = Field(
        default="note", description="note: report it and go on; stop: end the stage before it trains on the rollout"
    )
    max_kl: float | None = Field(
        default=None, gt=0, description="alarm if KL to the reference, in nats per completion, is above this"
    )
    max_length_growth: float | None = Field(
        default=4.0, gt=1, description="alarm if completions are this many times as long as in the first rollout"
    )
    min_entropy: float | None = Field(
        default=0.05, gt=0, lt=1, description="alarm if entropy is below this share of the first rollout's"
    )
    gold: bool = Field(
        default=True,
        description="alarm if the held-out reward rises while a gold reward falls by more than two standard errors",
    )
