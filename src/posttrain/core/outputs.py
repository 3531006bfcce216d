"""What a policy computes over a batch, and what an objective makes of it.

Legend: ``N`` loss tokens, ``C`` completions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from posttrain.core.packing import Batch

Want = Literal["logp", "entropy", "score", "value"]
"""An output the model must compute."""

Unit = Literal["token", "completion", "group"]
"""What a loss averages over."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Float32 vectors; None where the objective did not want it.

    Args:
        logp_N: log-prob of each loss token.
        entropy_N: entropy of the distribution it was drawn from, nats.
        score_C: scalar head's value at each completion's last token.
        value_N: value head's estimate before each loss token, of the return that follows.
    """

    logp_N: Tensor | None = None
    entropy_N: Tensor | None = None
    score_C: Tensor | None = None
    value_N: Tensor | None = None


Metrics = Mapping[str, tuple[Tensor | float, Tensor | float]]
"""name → (total, count), detached: they add up over micro-batches and ranks, and are divided once."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss summed over its units (the loop divides once, by the units of the whole step) and its metrics."""

    total: Tensor
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Objective:
    """A pure loss and what it asks of the model and of the data.

    Args:
        loss: from outputs and the batch's columns to a `Loss`. Knows no model, tokenizer, device or config.
        wants: outputs the model must compute.
        needs: columns the source of groups must give.
        unit: what the loss averages over.
        uniform: the total falls by one with each log-prob, so that all gradients are known beforehand (see
            `token_logprobs`).
        temperature: of the distribution its log-probs are of: that of sampling, where the policy wrote the tokens.
    """

    loss: Callable[[Outputs, Batch], Loss]
    wants: frozenset[Want]
    needs: frozenset[str]
    unit: Unit
    uniform: bool = False
    temperature: float = 1.0


def sum_by(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Segment sums: ``out[index[i]] += values[i]``, out of length `size`."""
    return torch.zeros(size, dtype=values.dtype, device=values.device).index_add(0, index, values)
