"""Chunked log-probs equal log_softmax over full logits in values, entropies and all gradients."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posttrain.core import logprobs
from posttrain.core.logprobs import Head, token_logprobs
from tensors import Watched

N, D, V = 23, 6, 50


def inputs(n: int = N, *, bias: bool = True, seed: int = 0, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """hidden, weight, bias (None if it is not wanted) and targets."""
    generator = torch.Generator().manual_seed(seed)
    floats = [torch.randn(shape, generator=generator).to(dtype) for shape in ((n, D), (V, D), (V,))]
    target = torch.randint(0, V, (n,), generator=generator)
    return [*(x.requires_grad_() for x in (floats if bias else floats[:2])), target]


def full(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, head: Head, temperature: float
) -> tuple[Tensor, Tensor]:
    """The definition, in float64 with the whole matrix of logits."""
    z = hidden.double() @ weight.double().T
    z = (z if bias is None else z + bias.double()) * head.scale
    if head.softcap is not None:
        z = head.softcap * torch.tanh(z / head.softcap)
    logp = (z / temperature).log_softmax(-1)
    return logp.gather(1, target[:, None])[:, 0], -(logp.exp() * logp).sum(-1)


def compare(
    given: list[Tensor],
    head: Head,
    *,
    temperature: float = 1.0,
    entropy: bool = False,
    gradient: float | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Compare values and gradients, with random weights or with the promised `gradient`."""
    *floats, target = given
    bias = floats[2] if len(floats) == 3 else None
    head = replace(head, weight=floats[1], bias=bias)
    logp, result = token_logprobs(floats[0], head, target, temperature=temperature, entropy=entropy, gradient=gradient)
    assert logp.dtype == torch.float32
    expected, expected_entropy = full(floats[0], floats[1], bias, target, head, temperature)
    generator = torch.Generator().manual_seed(9)
    weights = torch.randn(len(target), generator=generator)
    if gradient is not None:
        weights.fill_(gradient)
    loss, reference = (weights * logp).sum(), (weights * expected).sum()
    torch.testing.assert_close(logp.double(), expected, atol=tolerance, rtol=tolerance)
    if entropy:
        assert result is not None
        torch.testing.assert_close(result.double(), expected_entropy, atol=tolerance, rtol=tolerance)
        loss, reference = (
            loss + (weights.roll(1) * result).sum(),
            reference + (weights.roll(1) * expected_entropy).sum(),
        )
    else:
        assert result is None
    made, true = torch.autograd.grad(loss, floats), torch.autograd.grad(reference, floats)
    for a, b in zip(made, true, strict=True):
        assert a.dtype == b.dtype
        assert (a - b).double().norm() <= tolerance * (1 + b.double().norm())


ANY = Head(torch.empty(0))


@settings(max_examples=150)
@given(
    n=st.integers(1, N),
    chunk=st.integers(1, 30 * V),
    bias=st.booleans(),
    gradient=st.sampled_from([0.3, -0.2, None]),
    entropy=st.booleans(),
    head=st.sampled_from([ANY, replace(ANY, scale=0.25), replace(ANY, scale=3.0, softcap=2.0)]),
    temperature=st.sampled_from([1.0, 0.7]),
    seed=st.integers(0, 99),
)
def test_values_and_gradients_are_those_of_full_logits_wherever_the_chunks_end(
    n: int, chunk: int, bias: bool, gradient: float | None, entropy: bool, head: Head, temperature: float, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logprobs, "CHUNK", chunk)
        patch.setattr(logprobs, "ROWS", 1)
        given = inputs(n, bias=bias, seed=seed)
        compare(given, head, temperature=temperature, entropy=entropy, gradient=gradient)


@pytest.mark.parametrize("scale", [1e3, 1e-3])
def test_huge_and_tiny_logits_stay_finite(scale: float) -> None:
    hidden, weight, target = inputs(bias=False)
    logp, entropy = token_logprobs(hidden, Head(weight, scale=scale), target, entropy=True)
    assert entropy is not None
    (logp.sum() + entropy.sum()).backward()
    for x in (logp, entropy, hidden.grad, weight.grad):
        assert x is not None
        assert x.isfinite().all()
    assert (entropy >= -1e-3).all()


def test_bfloat16_hidden_states_give_float32_log_probs_close_to_exact_ones() -> None:
    """Products run in bfloat16 and the softmax does not, so only one product is rounded."""
    for gradient in (-1.0, None):
        compare(inputs(dtype=torch.bfloat16), ANY, gradient=gradient, tolerance=0.05)


def test_a_float32_weight_gets_a_float32_gradient_from_bfloat16_hidden_states() -> None:
    """Mixed precision: master weights stay float32, and so do their gradients."""
    hidden, weight, target = inputs(bias=False)
    logp, _ = token_logprobs(hidden.detach().bfloat16(), Head(weight), target)
    logp.sum().backward()
    exact, _ = full(hidden.detach().bfloat16(), weight, None, target, ANY, 1.0)
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    (true,) = torch.autograd.grad(exact.sum(), weight)
    assert (weight.grad - true).norm() <= 0.02 * true.norm()


@pytest.mark.parametrize("gradient", [1.0, None])
def test_no_loss_tokens_give_empty_log_probs_and_zero_gradients(gradient: float | None) -> None:
    hidden, weight, bias, target = inputs(0)
    logp, entropy = token_logprobs(hidden, Head(weight, bias), target, entropy=gradient is None, gradient=gradient)
    assert logp.shape == (0,)
    assert entropy is None or entropy.shape == (0,)
    logp.sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.shape == (0, D)
    for x in (weight, bias):
        assert x.grad is not None
        assert not x.grad.any()


@pytest.mark.parametrize("weights", [torch.arange(N), torch.full((N,), 2.0)])
def test_a_broken_promise_of_its_gradient_is_an_error_not_a_wrong_gradient(weights: Tensor) -> None:
    hidden, weight, target = inputs(bias=False)
    logp, _ = token_logprobs(hidden, Head(weight), target, gradient=1.0)
    with pytest.raises(RuntimeError, match="promised gradient"):
        (logp * weights).sum().backward()


@pytest.mark.parametrize("gradient", [-0.3, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_weights_gradient_is_added_to_the_given_tensor(
    gradient: float | None, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient equals autograd's, is added to the earlier one, and does not depend on the size of blocks."""
    monkeypatch.setattr(logprobs, "BLOCK", 3 * D)
    hidden, weight, target = inputs(bias=False)
    hidden = hidden.detach().to(dtype)
    (expected,) = torch.autograd.grad(-0.3 * token_logprobs(hidden, Head(weight), target)[0].sum(), weight)
    into = torch.ones(V, D)
    logp, _ = token_logprobs(hidden, Head(weight, into=into), target, gradient=gradient)
    (-0.3 * logp.sum()).backward()
    assert weight.grad is None
    torch.testing.assert_close(into - 1, expected, atol=2e-3 if dtype == torch.bfloat16 else 1e-6, rtol=1e-2)


def test_a_second_backward_pass_is_an_error_not_a_wrong_gradient() -> None:
    hidden, weight, target = inputs(bias=False)
    logp, _ = token_logprobs(hidden, Head(weight), target, gradient=3.0)
    (3.0 * logp.sum()).backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward pass"):
        logp.sum().backward()


def test_only_what_needs_a_gradient_gets_one() -> None:
    hidden, weight, bias, target = inputs()
    for gradient in (1.0, None):
        logp, _ = token_logprobs(hidden, Head(weight.detach(), bias.detach()), target, gradient=gradient)
        with Watched() as seen:
            logp.sum().backward()
        assert seen.calls.get("addmm_", 0) == 0, "a frozen head costs no product for its gradient"
    assert weight.grad is None


@pytest.mark.parametrize("gradient", [1.0, None])
@pytest.mark.parametrize("entropy", [True, False])
def test_no_matrix_of_tokens_times_vocabulary_is_ever_made(
    gradient: float | None, entropy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, d, vocabulary = 60, 4, 500
    monkeypatch.setattr(logprobs, "CHUNK", 4 * vocabulary)
    monkeypatch.setattr(logprobs, "ROWS", 1)
    hidden = torch.randn(n, d, requires_grad=True)
    weight = torch.randn(vocabulary, d, requires_grad=True)
    target = torch.randint(0, vocabulary, (n,))
    with Watched() as seen:
        logp, result = token_logprobs(hidden, Head(weight, softcap=5.0), target, entropy=entropy, gradient=gradient)
        (logp.sum() if result is None else logp.sum() + result.sum()).backward()
    assert seen.largest <= 4 * vocabulary


def test_without_gradients_a_promise_costs_nothing() -> None:
    hidden, weight, target = inputs(bias=False)
    with torch.no_grad(), Watched() as seen:
        token_logprobs(hidden, Head(weight), target, gradient=1.0)
    assert seen.calls["mm"] == 1, "the logits, and no product for a gradient"


@pytest.mark.parametrize("head", [ANY, replace(ANY, scale=3.0, softcap=2.0)])
def test_with_a_frozen_head_the_gradient_is_computed_with_the_value_whatever_the_loss(
    head: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two products of [tokens, vocabulary] size instead of three, and the same gradient as under a trained head."""
    hidden, weight, target = inputs(bias=False)
    weights = torch.randn(N, generator=torch.Generator().manual_seed(9))
    head = replace(head, weight=weight)
    (expected,) = torch.autograd.grad((weights * token_logprobs(hidden, head, target)[0]).sum(), hidden)
    made = 0
    logits = logprobs._logits

    def counted(*arguments: Any) -> Tensor:
        nonlocal made
        made += 1
        return logits(*arguments)

    monkeypatch.setattr(logprobs, "_logits", counted)
    frozen = replace(head, weight=weight.detach())
    (result,) = torch.autograd.grad((weights * token_logprobs(hidden, frozen, target)[0]).sum(), hidden)
    assert made == 1
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=1e-5)
