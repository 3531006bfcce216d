"""The options of the objectives in a recipe."""

from typing import Literal

from pydantic import Field, model_validator

from posttrain.options import Options

CLIP = 0.2
"""PPO's clip (Schulman et al. 2017)."""
TAU_POS, TAU_NEG = 1.0, 1.05
"""SAPO's temperatures (arXiv:2511.20347)."""


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

    loss: Literal["clip", "cispo", "sapo"] = Field(
        default="clip",
        description="clip: PPO's clipped ratio; cispo: the clipped ratio weighs the log-prob, so that clipped tokens "
        "keep a gradient; sapo: a smooth gate instead of a clip",
    )
    average: Literal["completion", "token", "constant"] = Field(
        default="token",
        description="average of the loss: over completions (GRPO's paper; favours long wrong answers), over tokens "
        "(DAPO), or the sum over tokens divided by a constant (Dr. GRPO)",
    )
    ratio: Literal["token", "sequence"] = Field(
        default="token", description="importance ratio: per token, or per completion (GSPO, with clips near 3e-4)"
    )
    clip_low: float = Field(default=CLIP, gt=0, le=1, description="lower clip of the ratio: 1 - clip_low; 1: none")
    clip_high: float = Field(default=CLIP, gt=0, description="upper clip of the ratio: 1 + clip_high; DAPO uses 0.28")
    dual_clip: float | None = Field(
        default=None,
        gt=1,
        description="bound of the ratio where the advantage is negative, for instance 3; unset: none",
    )
    tau_pos: float = Field(default=TAU_POS, gt=0, description="sapo: temperature of the gate for positive advantages")
    tau_neg: float = Field(default=TAU_NEG, gt=0, description="sapo: temperature of the gate for other advantages")
    entropy_weight: float = Field(default=0.0, ge=0, description="weight of an entropy bonus")

    @model_validator(mode="after")
    def _loss_takes_its_options(self) -> "PolicyGradientOptions":
        if self.loss != "clip" and self.ratio == "sequence":
            raise ValueError(
                f"`loss: {self.loss}` is defined for the ratio of each token; remove `ratio: sequence`, or set "
                "`loss: clip` (GSPO)"
            )
        if self.loss != "clip" and self.dual_clip is not None:
            raise ValueError(f"`dual_clip` belongs to `loss: clip`, not to `{self.loss}`; remove one of the two")
        if self.loss == "sapo" and (self.clip_low, self.clip_high) != (CLIP, CLIP):
            raise ValueError(
                "`loss: sapo` has no clip; remove `clip_low` and `clip_high`, and set `tau_pos`, `tau_neg`"
            )
        if self.loss != "sapo" and (self.tau_pos, self.tau_neg) != (TAU_POS, TAU_NEG):
            raise ValueError(f"`tau_pos` and `tau_neg` belong to `loss: sapo`, not to `{self.loss}`; remove them")
        if self.dual_clip is not None and self.dual_clip <= 1 + self.clip_high:
            raise ValueError(f"`dual_clip` must be above 1 + clip_high, which is {1 + self.clip_high:g}; 3 is usual")
        return self


class ValueOptions(Options):
    """The loss of PPO's value head; see `policy_gradient_loss`."""

    value_clip: float = Field(default=0.2, gt=0, description="clip range of a value's change since the rollout")
    value_weight: float = Field(default=0.1, gt=0, description="weight of the value loss")
