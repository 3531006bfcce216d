"""The gradient of an optimiser step (summed over rows, divided once) and the metrics of an evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor

from posttrain.core.group import Group
from posttrain.core.outputs import Loss, Metrics, Objective
from posttrain.core.packing import WEIGHT, Batch, collate, pack_for_ranks
from posttrain.policy.forward import forward
from posttrain.policy.grad_accumulation import accumulating
from posttrain.policy.gradient_checkpointing import recomputing
from posttrain.policy.load import Policy
from posttrain.policy.shard import shard_names
from posttrain.ranks.exchange import gathered, share, sum_gradients
from posttrain.ranks.group import size
from posttrain.train.baseline import baseline_values, step_value, with_value
from posttrain.train.batches import Indexed

EVAL_GROUPS = 64
"""The number of groups that an evaluation packs together; a larger number only costs memory."""


class Mean(NamedTuple):
    """A mean over `n` items; the value is None if `n` is 0."""

    value: float | None
    n: int


class Totals:
    """Metrics as (total, count) pairs. They add up over rows and are divided once at the end."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor | float, Tensor | float]] = {}

    def add(self, metrics: Metrics) -> None:
        """Add the metrics of one row."""
        for name, (total, count) in metrics.items():
            before = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (before[0] + total, before[1] + count)

    def over_ranks(self) -> "Totals":
        """The totals of all ranks together."""
        whole = Totals()
        for part in gathered({name: (float(total), float(count)) for name, (total, count) in self._sums.items()}):
            whole.add(part)
        return whole

    def means(self, differences: Mapping[str, tuple[str, str]]) -> dict[str, Mean]:
        """The mean of every metric, and the differences of two means that an objective asks for."""
        means = {
            name: Mean(float(total) / float(count) if count else None, ceil(count))
            for name, (total, count) in self._sums.items()
        }
        pairs = {name: (means[one], means[other]) for name, (one, other) in differences.items() if one in means}
        return means | {name: _difference(*pair) for name, pair in pairs.items()}


def _difference(one: Mean, other: Mean) -> Mean:
    """The difference of two means over different items; there is none if one of the means is over no item."""
    if one.value is None or other.value is None:
        return Mean(None, 0)
    return Mean(one.value - other.value, one.n + other.n)


def packed_rows(groups: Sequence[Group], row_tokens: int, device: torch.device) -> Iterator[Batch]:
    """The groups packed into rows, one row at a time; of several ranks, each gets its share."""
    for row in share(_rows(groups, row_tokens)):
        yield collate([groups[i] for i in row], device)


def accumulate(policy: Policy, objective: Objective, groups: Sequence[Group], row_tokens: int) -> dict[str, Mean]:
    """Add the gradient of the step's mean loss to the parameters.

    The mean is over the objective's units (tokens, completions or groups) of all `groups`, and does not depend on how
    they are packed into rows. Each rank computes some of the rows, and gets the gradient of all of them.

    Args:
        groups: the step's groups; see `with_baseline`.

    Returns:
        the step's metrics.
    """
    totals = Totals()
    rows = list(packed_rows(groups, row_tokens, policy.device))
    missing = _missing_rows(policy, groups, row_tokens, len(rows))
    units = sum(gathered(sum(row.counts[objective.unit] for row in rows)))
    units = units or 1  # 0 if all completions are truncated and masked
    with accumulating(policy):
        while rows:
            row = rows.pop()
            with recomputing(policy, len(row.tokens_T), row_tokens):
                loss = _loss(policy, objective, row, units)
                (loss.total / units).backward()
            totals.add(loss.metrics)
        for _ in range(missing):
            spare = collate([min(groups, key=lambda group: group.size)], policy.device)
            (0.0 * _loss(policy, objective, spare, units, factor=0.0).total).backward()
        shards = shard_names(policy)
        sum_gradients(p for name, p in policy.model.named_parameters() if name not in shards)
    return totals.over_ranks().means(objective.differences)


def _missing_rows(policy: Policy, groups: Sequence[Group], row_tokens: int, own: int) -> int:
    """The rows without effect by which a rank makes up for its smaller share.

    With shards, every rank must run each layer as often as the others.
    """
    if policy.shards is None:
        return 0
    return ceil(len(_rows(groups, row_tokens)) / size()) - own


def _rows(groups: Sequence[Group], row_tokens: int) -> list[list[int]]:
    """The rows of all ranks."""
    return pack_for_ranks([group.size for group in groups], row_tokens, size())


def _loss(policy: Policy, objective: Objective, row: Batch, units: float, *, factor: float = 1.0) -> Loss:
    """The forward pass and loss of one row, in a step of `units` units.

    Args:
        factor: of the promised gradient.
    """
    outputs = forward(
        policy,
        row,
        objective.wants,
        temperature=objective.temperature,
        gradient=-factor / units if objective.uniform and WEIGHT not in row.columns else None,
        accumulate=True,
    )
    return objective.loss(outputs, row)


@torch.no_grad()
def loss_of(policy: Policy, objective: Objective, row: Batch) -> Loss:
    """The loss of one packed row, without gradient."""
    return objective.loss(forward(policy, row, objective.wants, temperature=objective.temperature), row)


def evaluate(policy: Policy, objective: Objective, groups: Indexed, row_tokens: int) -> dict[str, Mean]:
    """The objective's metrics over held-out groups. They count as one step: a baseline is the mean over all of them."""
    totals, baseline = Totals(), objective.baseline
    value = 0.0
    if baseline is not None:
        parts = (baseline_values(policy, baseline, part, row_tokens) for part in _parts(groups))
        value = step_value(baseline, [number for part in parts for number in part])
    for part in _parts(groups):
        ready = part if baseline is None else [with_value(group, baseline, value) for group in part]
        for row in packed_rows(ready, row_tokens, policy.device):
            totals.add(loss_of(policy, objective, row).metrics)
    return totals.over_ranks().means(objective.differences)


def _parts(groups: Indexed) -> Iterator[list[Group]]:
    """The groups in parts of `EVAL_GROUPS`."""
    for start in range(0, len(groups), EVAL_GROUPS):
        yield [groups[i] for i in range(start, min(len(groups), start + EVAL_GROUPS))]
