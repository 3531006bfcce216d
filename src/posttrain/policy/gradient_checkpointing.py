"""Gradient checkpointing (Chen et al. 2016, arXiv:1604.06174): layers run again in the backward pass, so that their
activations need not be kept until then. Only as many layers do so as the memory requires.
"""

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

from posttrain.errors import InputError
from posttrain.policy.load import Policy


def allow_recomputing(policy: Policy, when: Literal["always", "long rows"]) -> None:
    """Prepare a policy's layers for gradient checkpointing.

    transformers recomputes in training mode only, which also enables dropout, so dropout is removed for good.

    Raises:
        InputError: the architecture does not support it, and `when` is "always".
    """
    base = policy.base
    if not base.supports_gradient_checkpointing:
        if when == "always":
            raise InputError(f"gradient_checkpointing: {type(base).__name__} does not support it; remove the key")
        return
    enable = getattr(base, "activation_checkpointing_enable", base.gradient_checkpointing_enable)  # its older name
    enable({"use_reentrant": False})
    policy.recompute = when
    for module in policy.base.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name, value in list(vars(module).items()):
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, 0.0)


@contextmanager
def recomputing(policy: Policy, tokens: int, row_tokens: int) -> Generator[None]:
    """A context in which a forward pass over `tokens` tokens keeps no more activations than one over `row_tokens`.

    With ``policy.recompute`` "always" every layer runs again; with "never" no layer does.
    """
    share = {"always": 1.0, "long rows": max(0.0, 1.0 - row_tokens / tokens), "never": 0.0}[policy.recompute]
    chosen = list(_spread(_layers(policy), share)) if share else []
    for layer in chosen:
        layer.training = True
    try:
        yield
    finally:
        for layer in chosen:
            layer.training = False


def _layers(policy: Policy) -> list[Any]:
    ready = [m for m in policy.base.modules() if getattr(m, "gradient_checkpointing", False)]
    return [m for m in ready if isinstance(m, GradientCheckpointingLayer)] or ready


def _spread(layers: list[Any], share: float) -> Iterator[Any]:
    """At least this share of the layers, evenly spread, since a value function's layers come after the policy's."""
    wanted = math.ceil(share * len(layers))
    for n, layer in enumerate(layers):
        if (n + 1) * wanted // len(layers) > n * wanted // len(layers):
            yield layer
