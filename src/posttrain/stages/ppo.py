"""Proximal policy optimisation (PPO), with any reward and a KL penalty to the start model."""

from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.policy.load import Policy
from posttrain.recipe.stages.ppo import PPOStage
from posttrain.rollouts.ppo import ppo_advantages, values_of
from posttrain.rollouts.types import AdvantageFn, Reference
from posttrain.stages.on_policy import on_policy
from posttrain.stages.technique import OnPolicyTechnique


def _technique(stage: PPOStage) -> OnPolicyTechnique:
    """The PPO objective has a value head. It always needs the reference model."""
    objective = policy_gradient_objective(
        stage,
        value=stage,
        length=stage.max_new_tokens,
        temperature=stage.temperature,
        corrected=stage.vllm is not None,
    )

    def advantages(policy: Policy, reference: Reference | None) -> AdvantageFn:
        assert reference is not None
        return ppo_advantages(stage, reference=reference, values=values_of(policy, stage.row_tokens))

    return OnPolicyTechnique(objective, advantages, value=stage.value_model, beta=stage.beta)


RUNNER = on_policy(_technique)
