"""The options of the objectives, as a recipe states them."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class DPOOptions(Options):
    """The variant of DPO; see `dpo_loss` for the formulas."""

    beta: float = Field(default=0.1, gt=0, description="how strongly the policy is held near the model it starts from")
    loss: Literal["sigmoid", "ipo"] = Field(default="sigmoid", description="link: DPO's own, or IPO's square")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="cDPO: share of preferences thought to be wrong"
    )
    length_normalized: bool = Field(default=False, description="log-ratios per token instead of per completion")
    sft_weight: float = Field(default=0.0, ge=0, description="weight of an SFT term on the chosen completions")


class BradleyTerryOptions(Options):
    """The variant of the reward model's loss; see `reward_loss`."""

    ties: Literal["exclude", "half"] = Field(default="exclude", description="equal ranks: left out, or half a win each")


class PolicyGradientOptions(Options):
    """The clipped policy gradient that PPO and GRPO share; see `policy_gradient_loss`."""

    average: Literal["completion", "token", "constant"] = Field(
        default="token",
        description="the loss is averaged over completions (GRPO's paper), tokens (DAPO) or tokens by a constant "
        "(Dr. GRPO); the first favours long wrong answers",
    )
    ratio: Literal["token", "sequence"] = Field(
        default="token", description="of single tokens, or of whole completions (GSPO, with clips near 3e-4)"
    )
    clip_low: float = Field(default=0.2, gt=0, lt=1, description="how far the ratio may fall below 1")
    clip_high: float = Field(default=0.2, gt=0, description="how far it may rise above; 0.28: DAPO's clip-higher")
    entropy_weight: float = Field(default=0.0, ge=0, description="weight of an entropy bonus")


class ValueOptions(Options):
    """The loss of PPO's value head; see `policy_gradient_loss`."""

    value_clip: float = Field(default=0.2, gt=0, description="how far the value may move from what it was")
    value_weight: float = Field(default=0.1, gt=0, description="weight of the value's loss")
