"""The options of advantages, as a recipe states them."""

from pydantic import Field

from posttrain.options import Options


class GRPOAdvantageOptions(Options):
    """GRPO's advantage: a completion's reward against those of its siblings."""

    scale_rewards: bool = Field(
        default=True,
        description="divide by the group's deviation; off: Dr. GRPO, no bias to very easy and hard prompts",
    )
    mask_truncated: bool = Field(default=False, description="DAPO: completions cut at the limit are not learnt from")


class PPOAdvantageOptions(Options):
    """PPO's advantage: rewards minus KL, normalised, then GAE against a learnt value."""

    target_kl: float | None = Field(
        default=None, gt=0, description="steer beta towards this KL, nats a completion; fixed if unset"
    )
    kl_horizon: float = Field(default=10000.0, gt=0, description="completions over which beta is steered")
    gamma: float = Field(default=1.0, gt=0, le=1, description="discount of later rewards")
    lam: float = Field(default=0.95, ge=0, le=1, description="GAE's λ: 0 trusts the value, 1 the rewards")
    normalize: bool = Field(
        default=True,
        description="scores get mean 0 and deviation 1 over the first rollout, and the same shift and scale later "
        "(Ziegler et al. 2019)",
    )
    whiten_rewards: bool = Field(default=False, description="each rollout's token rewards get deviation 1")
    missing_eos_penalty: float = Field(default=1.0, ge=0, description="off the score of a completion that was cut")
