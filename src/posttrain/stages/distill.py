"""On-policy distillation: the policy learns from a teacher's log-probs of its own completions."""

from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.policy.load import Policy
from posttrain.recipe.stages.distill import DistillStage
from posttrain.rollouts.distill import distill_advantages
from posttrain.rollouts.types import AdvantageFn, Reference
from posttrain.stages.on_policy import on_policy
from posttrain.stages.technique import OnPolicyTechnique


def _technique(stage: DistillStage) -> OnPolicyTechnique:
    """The clipped policy gradient without a value head. The teacher takes the place of the reference model."""
    objective = policy_gradient_objective(
        stage, length=stage.max_new_tokens, temperature=stage.temperature, corrected=stage.vllm is not None
    )

    def advantages(policy: Policy, reference: Reference | None) -> AdvantageFn:
        assert reference is not None
        return distill_advantages(reference)

    return OnPolicyTechnique(objective, advantages)


RUNNER = on_policy(_technique)
