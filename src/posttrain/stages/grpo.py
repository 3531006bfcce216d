"""Group-relative policy optimisation: each completion's reward is compared with those of its group."""

from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.recipe.stages.grpo import GRPOStage
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.stages.on_policy import on_policy
from posttrain.stages.technique import OnPolicyTechnique


def _technique(stage: GRPOStage) -> OnPolicyTechnique:
    """The GRPO objective has no value head. It needs the reference model only for the KL."""
    weights = {name: reward.weight for name, reward in stage.rewards.items()}
    objective = policy_gradient_objective(
        stage,
        kl_weight=stage.beta if stage.kl == "loss" else 0.0,
        length=stage.max_new_tokens,
        temperature=stage.temperature,
        corrected=stage.vllm is not None,
    )
    return OnPolicyTechnique(
        objective,
        advantages=lambda policy, reference: grpo_advantages(
            stage, reference=reference, kl_weight=stage.beta, weights=weights
        ),
        most_draws=stage.dynamic_sampling,
        mask_truncated=stage.mask_truncated,
    )


RUNNER = on_policy(_technique)
