"""The policy as it was before its adapter was trained: the reference model of PPO's and GRPO's KL terms."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch

from posttrain.policy.load import Policy
from posttrain.policy.lora.adapters import TRAINED, has_earlier


@contextmanager
def trained_adapter_off(policy: Policy) -> Generator[None]:
    """A context in which the policy is the one before training.

    The trained adapter is disabled. If its base is not the model before training, it has its first values instead.
    """
    if policy.start is not None:
        with _values_of(policy, policy.start.values):
            yield
        return
    if not has_earlier(policy):
        with policy.model.disable_adapter():
            yield
        return
    import peft

    layers = [m for m in policy.model.modules() if isinstance(m, peft.tuners.lora.LoraLayer) and TRAINED in m.scaling]
    whole = [m for m in policy.model.modules() if isinstance(m, peft.utils.ModulesToSaveWrapper)]
    try:
        for layer in layers:
            layer.set_scale(TRAINED, 0.0)
        for module in whole:
            module.enable_adapters(False)
        yield
    finally:
        for layer in layers:
            layer.set_scale(TRAINED, 1.0)
        for module in whole:
            module.enable_adapters(True)


@contextmanager
def _values_of(policy: Policy, values: Mapping[str, torch.Tensor]) -> Generator[None]:
    """A context in which parameters have other values."""
    own = dict(policy.model.named_parameters())
    kept = {name: own[name].data for name in values}
    try:
        for name, value in values.items():
            own[name].data = value
        yield
    finally:
        for name, value in kept.items():
            own[name].data = value
