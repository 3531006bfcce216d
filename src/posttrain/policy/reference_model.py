"""The model that an on-policy stage holds its policy near to: the trained adapter switched off, or a frozen copy."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

from posttrain.core.group import Floats, Group
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import trained_adapter_off


def frozen_logprobs(
    policy: Policy, copy: Policy | None, *, row_tokens: int, temperature: float
) -> Callable[[Sequence[Group]], list[Floats]]:
    """A function from groups to the log-probs of their loss tokens under the model as it was before training.

    Args:
        policy: in training.
        copy: the model it started from; None where the policy trains an adapter, which is switched off instead (layers
            trained whole beside it go back to their originals too).
        temperature: of sampling.
    """
    model = copy or policy
    if copy is None and not adapted(policy):
        raise ValueError("a policy without adapters needs a frozen copy as its reference")

    def logprobs(groups: Sequence[Group]) -> list[Floats]:
        with nullcontext() if copy is not None else trained_adapter_off(policy):
            found = outputs_by_group(model, groups, {"logp"}, row_tokens, temperature=temperature)
        return [one.logp_N.numpy() for one in found if one.logp_N is not None]

    return logprobs


def adapted(policy: Policy) -> bool:
    """Whether switching adapters off gives back the model before training."""
    return hasattr(policy.model, "disable_adapter")


def freeze(policy: Policy) -> Policy:
    """The policy, none of whose weights will be trained."""
    policy.model.requires_grad_(False)
    return policy
