"""The outputs of a policy for groups, without gradient. Groups are packed into rows; outputs come group by group."""

from collections.abc import Sequence, Set

import torch
from torch import Tensor

from posttrain.core.group import Group
from posttrain.core.outputs import Outputs, Want
from posttrain.core.packing import collate, pack_for_ranks
from posttrain.policy.forward import forward
from posttrain.policy.load import Policy
from posttrain.ranks.exchange import spread
from posttrain.ranks.group import size


@torch.no_grad()
def outputs_by_group(
    policy: Policy, groups: Sequence[Group], wants: Set[Want], row_tokens: int, *, temperature: float = 1.0
) -> list[Outputs]:
    """The outputs of each group, on the CPU, in the groups' order.

    Args:
        row_tokens: tokens of a packed row. It limits memory; the outputs do not depend on it.
        temperature: see `forward`.
    """

    def outputs_of(rows: Sequence[Sequence[int]]) -> list[list[Outputs]]:
        return [_outputs(policy, [groups[i] for i in row], wants, temperature) for row in rows]

    rows = pack_for_ranks([group.size for group in groups], row_tokens, size())
    outputs: dict[int, Outputs] = {}
    for row, of_row in zip(rows, spread(rows, outputs_of), strict=True):
        outputs |= dict(zip(row, of_row, strict=True))
    return [outputs[i] for i in range(len(groups))]


def _outputs(policy: Policy, packed: Sequence[Group], wants: Set[Want], temperature: float) -> list[Outputs]:
    """The outputs of the groups of one row."""
    out = forward(policy, collate(packed, policy.device), wants, temperature=temperature)
    tokens, completions = [g.loss_tokens for g in packed], [len(g.completions) for g in packed]
    logp, entropy, value = (_split(x, tokens) for x in (out.logp_N, out.entropy_N, out.value_N))
    score = _split(out.score_C, completions)
    return [Outputs(*values) for values in zip(logp, entropy, score, value, strict=True)]


def _split(values: Tensor | None, sizes: list[int]) -> Sequence[Tensor | None]:
    return [None] * len(sizes) if values is None else [part.clone() for part in values.cpu().split(sizes)]
