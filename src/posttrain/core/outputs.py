"""The outputs of a policy over a batch, and the loss that an objective makes of them.

Legend: ``N`` loss tokens, ``C`` completions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from posttrain.core.packing import Batch

Want = Literal["logp", "entropy", "score", "value"]
"""An output that the model can compute."""

Unit = Literal["token", "completion", "group"]
"""The unit that a loss is averaged over."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Float32 vectors; None where the objective does not want the output.

    Args:
        logp_N: the log-prob of each loss token.
        entropy_N: the entropy of the distribution over each loss token, in nats.
        score_C: the scalar head's output at each completion's last token.
        value_N: the value head's estimate, before each loss token, of the return that follows.
    """

    logp_N: Tensor | None = None
    entropy_N: Tensor | None = None
    score_C: Tensor | None = None
    value_N: Tensor | None = None


Metrics = Mapping[str, tuple[Tensor | float, Tensor | float]]
"""name → (total, count), detached from the graph. They add up over micro-batches and are divided once."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss summed over its units, with its metrics. The loop divides it once, by the units of the whole step."""

    total: Tensor
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Baseline:
    """A number of the whole step that a loss needs beforehand, such as KTO's KL estimate.

    Some completions of each group serve the baseline alone. A pass without gradient computes it from them; the loss
    then sees the other completions. It does not depend on the cut into rows.

    Args:
        marks: the column that is 1 for the completions of the baseline, and 0 for those of the loss.
        column: the column that carries the baseline to the loss, with the same value for each completion.
        measure: from (log-probs of a group's loss tokens, columns of these tokens) to the group's value. The baseline
            is the mean over the step's groups.
        lowest: a lower baseline is raised to this.
    """

    marks: str
    column: str
    measure: Callable[[Tensor, Mapping[str, Tensor]], Tensor]
    lowest: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Objective:
    """A pure loss, with the outputs and columns that it needs.

    Args:
        loss: from outputs and the batch's columns to a `Loss`. It knows no model, tokenizer, device or configuration.
        wants: the outputs that the model must compute.
        needs: the columns that groups must carry.
        unit: the unit that the loss is averaged over.
        uniform: whether the total is minus the sum of the log-probs if tokens have no weights, so that all gradients
            are known beforehand (see `token_logprobs`).
        temperature: the temperature of the log-probs; the sampling temperature if the policy generated the tokens.
        baseline: the number of the whole step that the loss needs; None if each row's loss needs its own data alone.
        differences: a further metric → the two metrics whose means it is the difference of, over the whole step.
    """

    loss: Callable[[Outputs, Batch], Loss]
    wants: frozenset[Want]
    needs: frozenset[str]
    unit: Unit
    uniform: bool = False
    temperature: float = 1.0
    baseline: Baseline | None = None
    differences: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


def sum_by(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Segment sums: ``out[index[i]] += values[i]``, with `out` of length `size`."""
    return torch.zeros(size, dtype=values.dtype, device=values.device).index_add(0, index, values)
