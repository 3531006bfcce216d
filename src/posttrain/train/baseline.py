"""The baseline of a step (see `core.outputs.Baseline`): a pass without gradient before the pass of the loss."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from posttrain.core.branches import with_completions
from posttrain.core.group import Group
from posttrain.core.outputs import Baseline, Objective
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy
from posttrain.policy.shard import whole


def with_baseline(policy: Policy, objective: Objective, groups: Sequence[Group], row_tokens: int) -> Sequence[Group]:
    """The groups of a step as the loss needs them; the same groups if the objective needs no baseline.

    They have the baseline of the current policy as a column, and no completions that only the baseline needs.
    """
    baseline = objective.baseline
    if baseline is None or not groups:
        return groups
    with whole(policy):
        values = baseline_values(policy, baseline, groups, row_tokens)
    return [with_value(group, baseline, step_value(baseline, values)) for group in groups]


def baseline_values(policy: Policy, baseline: Baseline, groups: Sequence[Group], row_tokens: int) -> list[float]:
    """The value of each group; their mean is the baseline."""
    marked = [with_completions(group, (group.columns[baseline.marks] == 1).tolist()) for group in groups]
    values: list[float] = []
    for group, outputs in zip(marked, outputs_by_group(policy, marked, {"logp"}, row_tokens), strict=True):
        assert outputs.logp_N is not None
        columns = {name: torch.from_numpy(column) for name, column in group.columns.items()}
        values.append(float(baseline.measure(outputs.logp_N, columns)))
    return values


def step_value(baseline: Baseline, values: Sequence[float]) -> float:
    """The baseline of the groups with these values."""
    return max(baseline.lowest, float(np.mean(values)))


def with_value(group: Group, baseline: Baseline, value: float) -> Group:
    """The group without the completions of the baseline, and with the baseline as a column."""
    own = with_completions(group, (group.columns[baseline.marks] == 0).tolist())
    column = np.full(len(own.completions), value, dtype=np.float32)
    return replace(own, columns={**own.columns, baseline.column: column})
