"""The options of advantages in a recipe."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from posttrain.options import Options

AdvantageEstimator = Literal["grpo", "rloo", "reinforce++", "reinforce++-baseline"]
RewardScale = Literal["group", "batch", "none"]


def _scale_name(value: Any) -> Any:
    """`true` and `false` mean `group` and `none`."""
    return {True: "group", False: "none"}[value] if isinstance(value, bool) else value


class GRPOAdvantageOptions(Options):
    """GRPO's advantage: a completion's reward relative to its group, or another estimator without a value network."""

    advantage: AdvantageEstimator = Field(
        default="grpo",
        description="grpo: reward minus the group's mean; rloo: reward minus the mean of the group's other "
        "completions; reinforce++: reward, normalised over the rollout; reinforce++-baseline: reward minus the "
        "group's mean, normalised over the rollout. docs/grpo.md lists named methods",
    )
    scale_rewards: Annotated[RewardScale | None, BeforeValidator(_scale_name)] = Field(
        default=None,
        description="divide by the deviation of the rewards of the group (if unset, with `advantage: grpo`; also "
        "`true`) or of the rollout (batch); none (also `false`): Dr. GRPO, without bias to very easy and very hard "
        "prompts",
    )
    normalize_each_reward: bool = Field(
        default=False,
        description="GDPO: normalise each reward in its group, add them by weight, and normalise the sum over the "
        "rollout, so that a reward with a small spread counts as well",
    )
    kl: Literal["loss", "reward"] = Field(
        default="loss",
        description="place of the KL to the start model, with the weight `beta`: a term of the loss (k3), or deducted "
        "from the reward (k1)",
    )
    mask_truncated: bool = Field(default=False, description="DAPO: truncated completions do not enter the loss")

    @model_validator(mode="after")
    def _estimator_takes_its_options(self) -> "GRPOAdvantageOptions":
        if self.advantage != "grpo" and self.scale_rewards is not None:
            own = "has no scale" if self.advantage == "rloo" else "is normalised over the rollout"
            raise ValueError(
                f"`scale_rewards` belongs to `advantage: grpo`; `{self.advantage}` {own}: remove `scale_rewards`"
            )
        if self.normalize_each_reward:
            if self.advantage != "grpo":
                raise ValueError("`normalize_each_reward` belongs to `advantage: grpo`; remove one of the two")
            if self.scale_rewards is not None:
                raise ValueError(
                    "`normalize_each_reward` scales each reward in its group and the sum over the rollout; remove "
                    "`scale_rewards`"
                )
            if self.kl == "reward":
                raise ValueError("`normalize_each_reward` cannot take the KL as a reward; set `kl: loss`")
        return self


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
