"""A `Group`: one prompt, K completions and named columns. Every technique trains on groups.

Legend of shape suffixes used in the project: ``T`` packed tokens, ``N`` loss tokens, ``C`` completions,
``G`` groups, ``K`` completions of one group, ``V`` vocabulary, ``D`` hidden width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Completion:
    """One branch of a group: the tokens after the prompt, and which of them bear loss.

    Args:
        tokens: token ids, shape [L], L >= 1.
        loss: True where the objective uses the token's log-prob, shape [L].
    """

    tokens: Ints
    loss: Bools

    def __post_init__(self) -> None:
        if self.tokens.ndim != 1 or len(self.tokens) == 0:
            raise ValueError("a completion needs at least one token")
        if self.loss.shape != self.tokens.shape:
            raise ValueError(f"loss mask has shape {self.loss.shape}, tokens {self.tokens.shape}")


@dataclass(frozen=True, slots=True)
class Group:
    """One prompt with its completions.

    Args:
        where: ``file:line`` of its row, for errors.
        prompt: token ids that all completions share, shape [P], P >= 1. Its last token predicts each completion's
            first one.
        completions: the K branches.
        columns: by name, a value for each completion, shape [K] (``rank``, ``reward``...), or for each loss token of
            the group in order (``ref_logp``, ``old_logp``...).
    """

    where: str
    prompt: Ints
    completions: tuple[Completion, ...]
    columns: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.prompt.ndim != 1 or len(self.prompt) == 0:
            raise ValueError(f"{self.where}: a prompt needs at least one token")
        if not self.completions:
            raise ValueError(f"{self.where}: a group needs at least one completion")

    @property
    def size(self) -> int:
        """Tokens of the group in a packed row: the prompt once, then every completion."""
        return len(self.prompt) + sum(len(c.tokens) for c in self.completions)

    @property
    def loss_tokens(self) -> int:
        """Number of tokens that bear loss, over all completions."""
        return sum(int(c.loss.sum()) for c in self.completions)
