"""Group-relative policy optimisation: several completions a prompt, each judged against its siblings."""

from typing import Literal

from pydantic import Field

from posttrain.stages.on_policy import OnPolicyStage, OnPolicyTechnique


class GRPOStage(OnPolicyStage):
    """GRPO: automated reward, group mean and deviation, no value network."""

    kind: Literal["grpo"]
    num_generations: int = Field(default=8, ge=2, description="completions of each prompt, judged against each other")
    beta: float = Field(default=0.0, ge=0, description="weight of the KL to the model before training (k3); 0: none")
    average: Literal["completion", "token", "constant"] = Field(
        default="token",
        description="the loss is averaged over completions (GRPO's paper), tokens (DAPO) or tokens by a constant "
        "(Dr. GRPO); the first favours long wrong answers",
    )
    scale_rewards: bool = Field(
        default=True,
        description="divide by the group's deviation; off: Dr. GRPO, no bias to very easy and hard prompts",
    )
    ratio: Literal["token", "sequence"] = Field(
        default="token", description="of single tokens, or of whole completions (GSPO, with clips near 3e-4)"
    )
    clip_low: float = Field(default=0.2, gt=0, lt=1, description="how far the ratio may fall below 1")
    clip_high: float = Field(default=0.2, gt=0, description="how far it may rise above; 0.28: DAPO's clip-higher")
    dynamic_sampling: int = Field(
        default=0,
        ge=0,
        description="DAPO: groups whose rewards are all equal are replaced, drawing at most so many times the prompts",
    )
    mask_truncated: bool = Field(default=False, description="DAPO: completions cut at the limit are not learnt from")

    @property
    def held(self) -> bool:
        """For the KL term, or to watch the KL."""
        return self.beta > 0 or self.alarms.max_kl is not None


def technique(stage: GRPOStage) -> OnPolicyTechnique:
    """No value head; the reference only where there is a KL term."""
    from posttrain.objectives.policy_gradient import PolicyGradient, policy_gradient_objective
    from posttrain.rollouts.grpo import grpo_credit

    variant = PolicyGradient(
        clip_low=stage.clip_low,
        clip_high=stage.clip_high,
        ratio=stage.ratio,
        average=stage.average,
        length=stage.max_new_tokens,
        beta=stage.beta,
        corrected=stage.vllm is not None,
    )
    return OnPolicyTechnique(
        objective=policy_gradient_objective(variant, stage.temperature),
        credit=lambda policy, reference: grpo_credit(
            scale=stage.scale_rewards, mask_truncated=stage.mask_truncated, reference=reference
        ),
        most_draws=stage.dynamic_sampling,
        mask_truncated=stage.mask_truncated,
    )
