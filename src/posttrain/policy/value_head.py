"""The value head of PPO: an estimate of the return before each token."""

from copy import deepcopy

import torch

from posttrain.policy.forward import VALUE_TRUNK, backbone_of, head_of
from posttrain.policy.load import Policy

VALUE_HEAD = "value_head"
"""The module name of the value head. `save_policy` does not save the value head and its trunk."""


def add_value_head(policy: Policy, *, separate: bool = False) -> None:
    """Add a linear map from hidden states to one number beside the LM head, in float32; it is trained with the policy.

    It starts at zero, so that the first values have no noise and the first advantages equal the returns.

    Args:
        separate: whether it has its own copy of the model below the head, which is trained only for the value
            (as in InstructGPT). This takes twice the memory, and the value's gradient cannot change the policy.
    """
    if separate:
        policy.base.add_module(VALUE_TRUNK, deepcopy(backbone_of(policy.base)))
    head = torch.nn.Linear(head_of(policy.base).weight.shape[1], 1, device=policy.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    policy.base.add_module(VALUE_HEAD, head)
