"""A value head on a policy that writes: what PPO expects of a text, token by token."""

from copy import deepcopy

import torch

from posttrain.policy.forward import VALUE_TRUNK, backbone_of, head_of
from posttrain.policy.load import Policy

VALUE_HEAD = "value_head"
"""Its name in the model. Like a trunk of its own it belongs to training: `save_policy` leaves both out."""


def add_value_head(policy: Policy, *, separate: bool = False) -> None:
    """Put a linear map from hidden states to one number beside the LM head, in float32, trained with the policy.

    It starts at zero, so that the first values are no noise; advantages are then the returns.

    Args:
        separate: it reads a copy of the model below the head instead of the policy's own, trained for the value alone
            (InstructGPT's way): twice the memory, and the value's gradient cannot disturb what is written.
    """
    if separate:
        policy.base.add_module(VALUE_TRUNK, deepcopy(backbone_of(policy.base)))
    head = torch.nn.Linear(head_of(policy.base).weight.shape[1], 1, device=policy.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    policy.base.add_module(VALUE_HEAD, head)
