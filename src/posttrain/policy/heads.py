"""A value head on a policy that writes: what PPO expects of a text, token by token."""

import torch

from posttrain.policy.forward import head_of
from posttrain.policy.load import Policy

VALUE_HEAD = "value_head"
"""Its name in the model. It belongs to training: `save_policy` leaves it out."""


def add_value_head(policy: Policy) -> None:
    """Put a linear map from hidden states to one number beside the LM head, in float32, trained with the policy.

    It starts at zero, so that the first values are no noise; advantages are then the returns.
    """
    head = torch.nn.Linear(head_of(policy.base).weight.shape[1], 1, device=policy.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    policy.base.add_module(VALUE_HEAD, head)
