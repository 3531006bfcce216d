"""The options of the objectives in a recipe."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from posttrain.options import Options

CLIP = 0.2
"""PPO's clip (Schulman et al. 2017)."""
TAU_POS, TAU_NEG = 1.0, 1.05
"""SAPO's temperatures (arXiv:2511.20347)."""

LossName = Literal["sigmoid", "robust", "ipo", "hinge", "apo_zero", "apo_down", "simpo", "orpo"]
"""A loss of preference pairs; see `dpo_losses` for the formulas."""

_REFERENCE_FREE = frozenset({"simpo", "orpo"})

_READERS: Mapping[str, tuple[LossName, ...]] = {
    "label_smoothing": ("sigmoid", "robust"),
    "length_normalized": ("sigmoid", "robust", "hinge", "apo_zero", "apo_down", "ipo"),
    "sft_weight": ("sigmoid", "robust", "ipo", "hinge", "apo_zero", "apo_down", "simpo"),
    "gamma": ("simpo",),
}
"""Option → the losses that use it. IPO's ratios are per token with or without `length_normalized`."""

Weights = Annotated[Mapping[LossName, Annotated[float, Field(gt=0)]], Field(min_length=1)]


def _form_of(value: Any) -> str:
    """The member of the union that a value is checked against, so that only its errors are shown."""
    return "weights" if isinstance(value, Mapping) else "name"


LossOrWeights = Annotated[
    Annotated[LossName, Tag("name")] | Annotated[Weights, Tag("weights")], Discriminator(_form_of)
]
"""One loss, or the weights of several."""


class SFTOptions(Options):
    """The variant of SFT; see `sft_loss` and `dft_loss`."""

    loss: Literal["nll", "dft"] = Field(
        default="nll",
        description="nll: the negative log-likelihood; dft: each token's loss is multiplied by its probability, "
        "so that the rows' unlikely tokens weigh less",
    )


class DPOOptions(Options):
    """The variant of DPO; see `objectives/dpo_losses.py` for the formulas."""

    beta: float = Field(
        default=0.1,
        gt=0,
        description="strength of the KL constraint to the start model; simpo: scale of the reward (its paper uses 2 to "
        "2.5); orpo: weight of the odds ratio",
    )
    loss: LossOrWeights = Field(
        default="sigmoid",
        description="the loss of a pair; or the weights of several losses that are added, such as {sigmoid: 0.8, "
        "hinge: 0.2}; simpo and orpo need no reference model",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="sigmoid (then cDPO) and robust: assumed share of wrong preferences"
    )
    length_normalized: bool = Field(default=False, description="divide each log-ratio by its number of tokens")
    sft_weight: float = Field(default=0.0, ge=0, description="weight of an SFT term on the chosen completions")
    gamma: float | None = Field(
        default=None, ge=0, description="simpo: margin by which the chosen reward should win; half of beta if unset"
    )

    @model_validator(mode="after")
    def _options_are_used(self) -> Self:
        names = tuple(self.loss_weights)
        for key, readers in _READERS.items():
            if key in self.changed() and not set(readers) & set(names):
                own = " (its own SFT term has weight 1)" if key == "sft_weight" else ""
                raise ValueError(
                    f"{key} is not used by the loss {' + '.join(names)}{own}; remove {key}, or choose a loss that uses "
                    f"it: {', '.join(readers)}"
                )
        if "robust" in names and self.label_smoothing == 0:
            raise ValueError("the loss robust needs label_smoothing, the assumed share of wrong pairs, such as 0.1")
        if "simpo" in names and "beta" not in self.model_fields_set:
            raise ValueError("the loss simpo needs beta: its paper uses 2 to 2.5, and the default is that of DPO")
        return self

    @property
    def loss_weights(self) -> Mapping[LossName, float]:
        """Loss → its weight in the sum."""
        return {self.loss: 1.0} if isinstance(self.loss, str) else self.loss

    @property
    def needs_reference(self) -> bool:
        """Whether a loss compares the policy with the start model."""
        return not _REFERENCE_FREE.issuperset(self.loss_weights)


class KTOOptions(Options):
    """The loss of KTO; see `objectives/kto.py` for the formula."""

    beta: float = Field(default=0.1, gt=0, description="strength of the KL constraint to the start model")
    desirable_weight: float = Field(default=1.0, gt=0, description="weight of rows with a true label")
    undesirable_weight: float = Field(
        default=1.0,
        gt=0,
        description="weight of rows with a false label; the paper advises that true rows weigh 1 to 4/3 times as much "
        "as false rows, all rows together",
    )


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
