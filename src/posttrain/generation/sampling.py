"""Sampling of the next token. The draws of a request depend on its own seed and number, never on its neighbours.

Legend: ``B`` sequences, ``V`` vocabulary.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posttrain.generation.options import SamplingOptions

BLOCK = 256
"""Tokens of a block: the draw first chooses a block by its sum, then a token in it."""

NUCLEUS = 512
"""Top-p first looks among so many of the most probable tokens."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are sampled.

    Args:
        max_new_tokens: tokens of a completion, at most, with its end token.
        temperature: divides the logits; 0 takes the most probable token.
        top_k: keep only the k most probable tokens; 0 keeps all.
        top_p: keep only the fewest tokens with this probability together (Holtzman et al. 2019, arXiv:1904.09751).
        min_p: keep only tokens with this share of the top token's probability (Nguyen et al. 2024, arXiv:2407.01082).
        stop: strings that end a completion; they are part of it.
        seed: the seed of all draws.
    """

    max_new_tokens: int
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    @property
    def distribution(self) -> tuple[float, ...]:
        """The settings that change the distribution of the next token."""
        return self.temperature, self.top_k, self.top_p, self.min_p

    @property
    def filters(self) -> bool:
        """Whether some tokens are never drawn. Log-probs are then not those of the distribution that is sampled."""
        return self.temperature > 0 and (self.top_k > 0 or self.top_p < 1.0 or self.min_p > 0.0)


def sampling_of(options: SamplingOptions, seed: int) -> Sampling:
    """The options as the engine's `Sampling`."""
    return Sampling(
        options.max_new_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
        stop=options.stop,
        seed=seed,
    )


def uniforms(seed: int, request: int, branch: int, count: int) -> NDArray[np.float64]:
    """Numbers in [0, 1) for the tokens of one completion."""
    return np.random.default_rng([seed, request, branch]).random(count)


def draw_tokens(logits_BV: Tensor, uniform_B: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """The next token of each sequence, and its log-prob.

    Args:
        logits_BV: float32; it is overwritten.
        uniform_B: float64, the point of each sequence's token in the cumulative distribution.

    Returns:
        tokens [B] int64, and their log-probs [B] under softmax(logits / temperature) before any filter, as the trainer
        computes them. Temperature 0 gives the log-probs of temperature 1.
    """
    if sampling.temperature == 0:
        token_B = logits_BV.argmax(-1)
        return token_B, logits_BV.gather(1, token_B[:, None])[:, 0] - logits_BV.logsumexp(-1)
    if sampling.temperature != 1.0:
        logits_BV /= sampling.temperature
    top_B1 = logits_BV.amax(-1, keepdim=True)
    weight_BV = logits_BV.sub_(top_B1).exp_()
    reach_BK = total_BK = _reach(weight_BV)
    kept_BV = weight_BV
    if sampling.filters:
        kept_BV = _filtered(weight_BV, sampling)
        reach_BK = _reach(kept_BV)
    token_B = _inverse(kept_BV, reach_BK, uniform_B)
    chosen_B = weight_BV.gather(1, token_B[:, None])[:, 0]
    return token_B, (chosen_B.double() / total_BK[:, -1]).log().float()


def _filtered(weight_BV: Tensor, sampling: Sampling) -> Tensor:
    """The weights, with 0 for tokens that may not be drawn: by top-k, then top-p, then min-p, as in transformers."""
    kept_BV = weight_BV.clone()
    if 0 < sampling.top_k < weight_BV.shape[1]:
        least_B1 = kept_BV.topk(sampling.top_k, -1).values[:, -1:]
        kept_BV[kept_BV < least_B1] = 0.0
    if sampling.top_p < 1.0:
        kept_BV = _nucleus(kept_BV, sampling.top_p)
    if sampling.min_p > 0.0:
        kept_BV[kept_BV < sampling.min_p * kept_BV.amax(-1, keepdim=True)] = 0.0
    return kept_BV


def _nucleus(weight_BV: Tensor, top_p: float) -> Tensor:
    """The weights of the fewest tokens with the share `top_p` of the sum, and 0 for the others.

    They are looked for among the `NUCLEUS` heaviest tokens, since to sort a vocabulary takes longer than a step of a
    small model. Equal tokens are in the order of their ids.
    """
    goal_B1 = top_p * weight_BV.sum(-1, keepdim=True)
    heavy_BK, place_BK = weight_BV.topk(min(NUCLEUS, weight_BV.shape[1]), -1)
    place_BK, by_BK = place_BK.sort(-1)
    heavy_BK, by_BK = torch.sort(heavy_BK.gather(1, by_BK), dim=-1, descending=True, stable=True)
    place_BK = place_BK.gather(1, by_BK)
    out_BK = _beyond(heavy_BK, goal_B1)
    if heavy_BK.shape != weight_BV.shape and bool((~out_BK & (heavy_BK == heavy_BK[:, -1:])).any()):
        heavy_BK, place_BK = torch.sort(
            weight_BV, dim=-1, descending=True, stable=True
        )  # more, or equal ones, may be left
        out_BK = _beyond(heavy_BK, goal_B1)
    return torch.zeros_like(weight_BV).scatter_(1, place_BK, heavy_BK.masked_fill_(out_BK, 0.0))


def _beyond(heavy_BK: Tensor, goal_B1: Tensor) -> Tensor:
    """Which weights, from the heaviest on, have the goal before them; the first one never has."""
    out_BK = heavy_BK.cumsum(-1) - heavy_BK >= goal_B1
    out_BK[:, 0] = False
    return out_BK


def _reach(weight_BV: Tensor) -> Tensor:
    """The cumulative weight at the end of each block, float64. The sums of the blocks are float32, which is eight times
    faster and may move a border by a millionth of a block."""
    whole = weight_BV.shape[1] // BLOCK * BLOCK
    block_BK = weight_BV[:, :whole].unflatten(1, (-1, BLOCK)).sum(-1)
    if whole < weight_BV.shape[1]:
        block_BK = torch.cat([block_BK, weight_BV[:, whole:].sum(-1, keepdim=True)], 1)
    return block_BK.cumsum(-1, dtype=torch.float64)


def _inverse(weight_BV: Tensor, reach_BK: Tensor, uniform_B: Tensor) -> Tensor:
    """The token whose share of the cumulative weight contains each uniform: first the block, then the token in it."""
    vocabulary = weight_BV.shape[1]
    goal_B1 = uniform_B[:, None] * reach_BK[:, -1:]
    picked_B1 = torch.searchsorted(reach_BK, goal_B1, right=True).clamp_(max=reach_BK.shape[1] - 1)
    goal_B1 = goal_B1 - torch.where(picked_B1 > 0, reach_BK.gather(1, (picked_B1 - 1).clamp_(min=0)), 0.0)
    place_BT = picked_B1 * BLOCK + torch.arange(BLOCK, device=weight_BV.device)
    inside_BT = weight_BV.gather(1, place_BT.clamp(max=vocabulary - 1)).double()
    inside_BT[place_BT >= vocabulary] = 0.0
    within_BT = inside_BT.cumsum(-1)
    # Rounding may put the goal just beyond the block; the last token with weight is then taken.
    goal_B1 = torch.minimum(goal_B1, within_BT[:, -1:] * (1.0 - 1e-12))
    offset_B1 = torch.searchsorted(within_BT, goal_B1, right=True).clamp_(max=BLOCK - 1)
    return (picked_B1 * BLOCK + offset_B1)[:, 0]
