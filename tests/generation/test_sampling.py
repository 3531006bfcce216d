"""Draws follow the distribution that temperature and filters describe."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from posttrain.generation.sampling import BLOCK, NUCLEUS, Sampling, draw_tokens, uniforms

DRAWS = 40_000


def by_definition(logits: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The distribution, token by token, in float64."""
    weight = np.exp((logits - logits.max()) / sampling.temperature)
    if sampling.top_k:
        weight[np.argsort(-weight)[sampling.top_k :]] = 0
    if sampling.top_p < 1:
        share, reached = weight / weight.sum(), 0.0
        for token in np.argsort(-weight):
            if reached >= sampling.top_p:
                weight[token] = 0
            reached += share[token]
    if sampling.min_p:
        weight[weight < sampling.min_p * weight.max()] = 0
    return weight / weight.sum()


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(1),
        Sampling(1, temperature=0.5),
        Sampling(1, temperature=1.7),
        Sampling(1, top_k=5),
        Sampling(1, top_p=0.8),
        Sampling(1, min_p=0.1),
        Sampling(1, temperature=1.3, top_k=12, top_p=0.9, min_p=0.02),
    ],
    ids=str,
)
@pytest.mark.parametrize("vocabulary", [40, BLOCK + 44])
def test_a_chi_square_test_holds_the_distribution(sampling: Sampling, vocabulary: int) -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1.5, vocabulary).astype(np.float32)
    at = torch.from_numpy(rng.random(DRAWS))
    tokens, logp = draw_tokens(torch.from_numpy(logits).repeat(DRAWS, 1), at, sampling)
    expected = by_definition(logits.astype(np.float64), sampling)
    seen = np.bincount(tokens.numpy(), minlength=vocabulary)
    assert seen[expected == 0].sum() == 0
    likely = expected * DRAWS >= 5
    rest = np.append(expected[likely], expected[~likely].sum()) * DRAWS
    counts = np.append(seen[likely], seen[~likely].sum())
    assert chisquare(counts[rest > 0], rest[rest > 0]).pvalue > 1e-3
    plain = torch.from_numpy(logits).double().div(sampling.temperature).log_softmax(-1)
    assert torch.allclose(logp.double(), plain[tokens], atol=1e-5)


@settings(max_examples=60)
@given(st.integers(1, 3 * BLOCK), st.integers(0, 10**6), st.sampled_from([0.0, 0.25, 0.999999, 1.0 - 2**-53]))
def test_a_token_of_no_weight_is_never_drawn(vocabulary: int, seed: int, at: float) -> None:
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(rng.normal(0, 30, (1, vocabulary)).astype(np.float32))
    logits[0, rng.random(vocabulary) < 0.5] = -torch.inf
    logits[0, rng.integers(vocabulary)] = 0.0
    allowed = logits.clone()
    token, logp = draw_tokens(logits, torch.tensor([at], dtype=torch.float64), Sampling(1))
    assert torch.isfinite(allowed[0, token[0]])
    assert torch.isfinite(logp[0])


def test_zero_temperature_takes_the_most_probable() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0]])
    token, logp = draw_tokens(logits.clone(), torch.zeros(1, dtype=torch.float64), Sampling(1, temperature=0))
    assert token.tolist() == [1]
    assert torch.allclose(logp, logits.log_softmax(-1)[:, 1])


def test_draws_are_fixed_by_seed_request_and_branch() -> None:
    same = uniforms(1, 2, 3, 8)
    assert np.array_equal(same, uniforms(1, 2, 3, 8))
    assert np.array_equal(same[:4], uniforms(1, 2, 3, 4))  # a longer limit changes nothing before it
    assert all(not np.array_equal(same, uniforms(*other, 8)) for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)))


@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0])
@pytest.mark.parametrize("levels", [3, 10_000])
def test_top_p_keeps_what_sorting_the_whole_vocabulary_keeps(spread: float, levels: int) -> None:
    rng = np.random.default_rng(0)
    vocabulary = 3 * NUCLEUS
    logits = np.round(rng.standard_normal((4, vocabulary)) * levels) / levels * spread  # few levels: many are equal
    weight = np.exp(logits - logits.max(1, keepdims=True)).astype(np.float32)
    for p in (0.01, 0.5, 0.97):
        order = np.argsort(-weight, axis=1, kind="stable")
        ordered = np.take_along_axis(weight, order, 1).astype(np.float64)
        kept = (np.cumsum(ordered, 1) - ordered < p * ordered.sum(1, keepdims=True)).sum(1)
        share = np.zeros_like(ordered)
        for row in range(4):
            share[row, order[row, : kept[row]]] = ordered[row, : kept[row]]
        reach = np.cumsum(share, 1) / share.sum(1, keepdims=True)
        same = [
            token == np.searchsorted(reach[row], uniform, side="right")
            for uniform in np.linspace(0.001, 0.999, 100)
            for row, token in enumerate(drawn(logits, uniform, p))
        ]
        assert np.mean(same) > 0.98  # a border may move by a rounding


def drawn(logits: np.ndarray, uniform: float, p: float) -> list[int]:
    uniform_B = torch.full((len(logits),), uniform, dtype=torch.float64)
    return draw_tokens(torch.tensor(logits, dtype=torch.float32), uniform_B, Sampling(1, top_p=p))[0].tolist()
