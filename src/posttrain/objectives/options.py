"""The options of the objectives in a recipe."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class SFTOptions(Options):
    """The variant of SFT; see `sft_loss` and `dft_loss`."""

    loss: Literal["nll", "dft"] = Field(
        default="nll",
        description="nll: the negative log-likelihood; dft: each token's loss is multiplied by its probability, "
        "so that the rows' unlikely tokens weigh less",
    )


class DPOOptions(Options):
    """The variant of DPO; see `dpo_loss` for the formulas."""

    beta: float = Field(default=0.1, gt=0, description="strength of the KL constraint to the start model")
    loss: Literal["sigmoid", "ipo"] = Field(default="sigmoid", description="DPO's log-sigmoid, or IPO's squared error")
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5, description="cDPO: assumed share of wrong preferences")
    length_normalized: bool = Field(default=False, description="divide each log-ratio by its number of tokens")
    sft_weight: float = Field(default=0.0, ge=0, description="weight of an SFT term on the chosen completions")


class BradleyTerryOptions(Options):
    """The variant of the reward model's loss; see `reward_loss`."""

    ties: Literal["exclude", "half"] = Field(
        default="exclude", description="pairs of equal rank: exclude them, or count half a win for each side"
    )


class PolicyGradientOptions(Options):
    """The clipped policy gradient that PPO and GRPO share; see `policy_gradient_loss`."""

    average: Literal["completion", "token", "constant"] = Field(
        default="token",
        description="average of the loss: over completions (GRPO's paper; favours long wrong answers), over tokens "
        "(DAPO), or the sum over tokens divided by a constant (Dr. GRPO)",
    )
    ratio: Literal["token", "sequence"] = Field(
        default="token", description="importance ratio: per token, or per completion (GSPO, with clips near 3e-4)"
    )
    clip_low: float = Field(default=0.2, gt=0, lt=1, description="lower clip of the ratio: 1 - clip_low")
    clip_high: float = Field(default=0.2, gt=0, description="upper clip of the ratio: 1 + clip_high; DAPO uses 0.28")
    entropy_weight: float = Field(default=0.0, ge=0, description="weight of an entropy bonus")


class ValueOptions(Options):
    """The loss of PPO's value head; see `policy_gradient_loss`."""

    value_clip: float = Field(default=0.2, gt=0, description="clip range of a value's change since the rollout")
    value_weight: float = Field(default=0.1, gt=0, description="weight of the value loss")
