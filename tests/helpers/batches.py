"""Batches with chosen ranks and random outputs of a model, for losses that need no model."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from posttrain.core.group import Group
from posttrain.core.packing import Batch, collate
from structures import random_group


def ranked(seed: int, ranks: Sequence[Sequence[int]], *, loss: float = 0.7, length: int = 0) -> Batch:
    """One group per ranking; completions of random (or one) length, loss on some of their tokens."""
    rng = np.random.default_rng(seed)
    groups: list[Group] = []
    for ranking in ranks:
        lengths = [length or int(n) for n in rng.integers(1, 9, len(ranking))]
        group = random_group(rng, 3, lengths, loss=loss)
        columns = {**group.columns, "rank": np.array(ranking, np.float32)}
        groups.append(Group(group.where, group.prompt, group.completions, columns))
    return collate(groups)


def random_logp(batch: Batch, seed: int = 0) -> Tensor:
    """Log-probs of the loss tokens, float64 so that differences are exact."""
    generator = torch.Generator().manual_seed(seed)
    return -2.0 * torch.rand(len(batch.predictor_N), generator=generator, dtype=torch.float64)


def by_completion(batch: Batch, values: Tensor) -> list[list[float]]:
    """The values of each completion's loss tokens."""
    return [values[batch.completion_N == c].tolist() for c in range(len(batch.group_C))]


def log_sigmoid(x: float) -> float:
    """The value, by its definition."""
    return -math.log1p(math.exp(-x))


def assert_finite_differences(loss: Callable[[Tensor], Tensor], at: Tensor) -> None:
    """The gradient is the slope, element by element."""
    at = at.detach().double().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at), at)
    step = 1e-6
    for i in range(len(at)):
        nudge = torch.zeros_like(at)
        nudge[i] = step
        slope = (loss((at + nudge).detach()) - loss((at - nudge).detach())) / (2 * step)
        assert abs(float(slope) - float(gradient[i])) < 1e-5 * (1 + abs(float(slope)))
