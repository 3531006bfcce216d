"""The options of advantages in a recipe."""

from pydantic import Field

from posttrain.options import Options


class GRPOAdvantageOptions(Options):
    """GRPO's advantage: a completion's reward relative to its group."""

    scale_rewards: bool = Field(
        default=True,
        description="divide by the deviation of the group's rewards; false: Dr. GRPO, without bias to very "
        "easy and very hard prompts",
    )
    mask_truncated: bool = Field(default=False, description="DAPO: truncated completions do not enter the loss")


class PPOAdvantageOptions(Options):
    """PPO's advantage: GAE of the normalised rewards minus the KL penalty, with a learnt value function."""

    target_kl: float | None = Field(
        default=None, gt=0, description="KL (nats per completion) that beta adapts to; if unset, beta is fixed"
    )
    kl_horizon: float = Field(default=10000.0, gt=0, description="number of completions over which beta adapts")
    gamma: float = Field(default=1.0, gt=0, le=1, description="discount of later rewards")
    lam: float = Field(default=0.95, ge=0, le=1, description="GAE's λ: 0 relies on the values, 1 on the rewards")
    normalize: bool = Field(
        default=True,
        description="scale scores to mean 0 and deviation 1 over the first rollout; later rollouts use the same "
        "shift and scale (Ziegler et al. 2019)",
    )
    whiten_rewards: bool = Field(default=False, description="scale each rollout's token rewards to deviation 1")
    missing_eos_penalty: float = Field(default=1.0, ge=0, description="deduction from a truncated completion's score")
