"""The reference model of on-policy stages: the policy with its trained adapter disabled, or a frozen copy."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from posttrain.core.group import Floats, Group
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.lora.before_training import trained_adapter_off


def frozen_logprobs(
    policy: Policy, copy: Policy | None, *, row_tokens: int, temperature: float
) -> Callable[[Sequence[Group]], list[Floats]]:
    """A function from groups to the log-probs of their loss tokens under the model before training.

    Args:
        policy: the policy in training.
        copy: the model that the policy started from. None if the policy trains an adapter, which is then
            disabled. Layers that are trained in full are then also reset.
        temperature: the sampling temperature.
    """
    model = copy or policy
    if copy is None and not adapted(policy):
        raise ValueError("a policy without adapters needs a frozen copy as its reference")

    def logprobs(groups: Sequence[Group]) -> list[Floats]:
        with nullcontext() if copy is not None else trained_adapter_off(policy):
            outputs = outputs_by_group(model, groups, {"logp"}, row_tokens, temperature=temperature)
        return [each.logp_N.numpy() for each in outputs if each.logp_N is not None]

    return logprobs


def adapted(policy: Policy) -> bool:
    """Whether disabling adapters gives the model before training."""
    return hasattr(policy.model, "disable_adapter")


def freeze(policy: Policy) -> Policy:
    """The policy, with all weights frozen."""
    policy.model.requires_grad_(False)
    return policy
