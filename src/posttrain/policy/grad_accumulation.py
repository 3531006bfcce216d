"""Gradients of several forward passes, added up in place.

Autograd makes a gradient for every use of a weight in every pass and adds it to the rest. For a vocabulary matrix,
which may be a third of a small model, that is three matrices at once where it is tied, each asked for anew.
"""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from posttrain.policy.forward import mixed
from posttrain.policy.load import Policy


@contextmanager
def accumulating(policy: Policy) -> Generator[None]:
    """While open, weights stay as they are, and backward passes add to gradients that were there before.

    - Every trained weight has its gradient's memory beforehand, below what a pass allocates and frees again.
    - The embedding's gradient is sparse on its way: its rows are added where they belong.
    - A weight is cast to the policy's dtype once, not once a pass.
    """
    for parameter in policy.model.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    embedding = policy.base.get_input_embeddings()
    trained = isinstance(embedding, torch.nn.Embedding) and embedding.weight.requires_grad
    if trained:
        embedding.sparse = True
    try:
        with mixed(policy), torch.autocast(policy.device.type, enabled=False):
            yield
    finally:
        if trained:
            embedding.sparse = False
