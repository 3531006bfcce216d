"""Gradient accumulation in place, over the forward passes of a step.

Autograd allocates a gradient for every use of a weight in every pass and then adds it to the sum. For a tied vocabulary
matrix, which may be a third of a small model, that is three matrices at once.
"""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from posttrain.policy.forward import mixed
from posttrain.policy.load import Policy


@contextmanager
def accumulating(policy: Policy) -> Generator[None]:
    """A context in which backward passes add to existing gradients. Weights must not change in it.

    - The gradient of every trained weight is allocated before a pass allocates and frees its own memory.
    - The embedding's gradient is sparse, and its rows are added to the dense sum. Shards have no sparse gradients.
    - A weight is cast to the policy's dtype once, not once per pass.
    """
    for parameter in policy.model.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    embedding = policy.base.get_input_embeddings()
    sparse = isinstance(embedding, torch.nn.Embedding) and embedding.weight.requires_grad and policy.shards is None
    if sparse:
        embedding.sparse = True
    try:
        with mixed(policy), torch.autocast(policy.device.type, enabled=False):
            yield
    finally:
        if sparse:
            embedding.sparse = False
