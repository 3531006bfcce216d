"""Per-token log-probs of chosen tokens by chunks: never a [tokens, vocabulary] matrix, forward or backward.

Legend: ``N`` loss tokens, ``D`` hidden width, ``V`` vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CHUNK = 1 << 22
"""Logits held at once (elements): 16 MiB in float32, large enough that matrix products run at full speed."""


@dataclass(frozen=True, slots=True)
class Head:
    """The map from hidden states to logits, as the model defines it.

    ``logits = softcap * tanh((scale * (hidden @ weight.T + bias)) / softcap) / temperature``

    Args:
        weight: [V, D], perhaps tied to the embedding.
        bias: [V] or None.
        scale: final-logit multiplier (Cohere ``logit_scale``, Granite ``1 / logits_scaling``).
        softcap: final-logit soft cap (Gemma 2), None for none.
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None


def token_logprobs(
    hidden_ND: Tensor,
    head: Head,
    target_N: Tensor,
    *,
    temperature: float = 1.0,
    entropy: bool = False,
    uniform: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Log-prob of each target under softmax(logits), and on request the entropy of that distribution.

    Args:
        hidden_ND: hidden states that predict the targets, [N, D].
        head: see `Head`. Products run in `hidden_ND`'s dtype; the softmax runs in float32.
        target_N: token ids, int64 [N].
        temperature: divides the logits; log-probs of sampled tokens need the sampling temperature.
        entropy: also return the entropies [N], in nats, with gradient.
        uniform: a promise that the loss gives every log-prob the same gradient (SFT's does). The gradient is
            then made along with the value, from the same logits, instead of from logits computed again: three
            matrix products instead of four. A broken promise raises RuntimeError in the backward pass.

    Returns:
        (logp_N, entropy_N or None), float32.
    """
    uniform = uniform and torch.is_grad_enabled()  # without gradient there is nothing to make along the way
    logp_N, entropy_N = _TokenLogProbs.apply(
        hidden_ND, head.weight, head.bias, target_N, head.scale, head.softcap, temperature, entropy, uniform
    )
    return logp_N, entropy_N if entropy else None


def _logits(h: Tensor, weight: Tensor, bias: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    """Float32 logits of one chunk, before temperature."""
    z = (h @ weight.T).float()
    if bias is not None:
        z += bias.float()
    if scale != 1.0:
        z *= scale
    if softcap is not None:
        z.div_(softcap).tanh_().mul_(softcap)
    return z


class _TokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        scale: float,
        softcap: float | None,
        temperature: float,
        want_entropy: bool,
        uniform: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.settings = (scale, softcap, temperature, want_entropy)
        ctx.now = uniform and not want_entropy and any(ctx.needs_input_grad[:3])
        n = len(hidden)
        logp = hidden.new_empty(n, dtype=torch.float32)
        entropy = hidden.new_empty(n if want_entropy else 0, dtype=torch.float32)
        lse = torch.empty_like(logp)
        weight_c = weight.to(hidden.dtype)
        grads = _Grads(ctx, hidden, weight, bias) if ctx.now else None
        for rows in _chunks(n, len(weight)):
            z = _logits(hidden[rows], weight_c, bias, scale, softcap)
            capped = z.clone() if grads is not None and softcap is not None else None
            if temperature != 1.0:
                z /= temperature
            lse[rows] = torch.logsumexp(z, -1)
            logp[rows] = z.gather(1, target[rows, None])[:, 0] - lse[rows]
            if want_entropy:
                logq = z - lse[rows, None]  # summed as -p log p: lse - p z would cancel where logits are large
                entropy[rows] = logq.exp().mul_(logq).sum(-1).neg_()
            if grads is not None:
                dz = z.sub_(lse[rows, None]).exp_().neg_()
                dz[torch.arange(len(dz)), target[rows]] += 1.0
                grads.add(rows, _through_head(dz, capped, scale, softcap, temperature), hidden, weight_c)
        if grads is not None:
            ctx.grads = grads
        else:
            ctx.save_for_backward(hidden, weight, bias, target, lse, entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g_logp, g_entropy = upstream
        if ctx.now:
            factor = g_logp[0] if len(g_logp) else g_logp.new_zeros(())
            if not bool((g_logp == factor).all()):
                raise RuntimeError("uniform=True was promised, but the loss weighs its tokens differently")
            grads, ctx.grads = ctx.grads, None  # scaled in place, so good for one backward pass
            if grads is None:
                raise RuntimeError("uniform=True allows one backward pass only")
            return (*grads.scaled(factor), None, None, None, None, None, None)
        hidden, weight, bias, target, lse, entropy = ctx.saved_tensors
        scale, softcap, temperature, want_entropy = ctx.settings
        weight_c = weight.to(hidden.dtype)
        grads = _Grads(ctx, hidden, weight, bias)
        for rows in _chunks(len(hidden), len(weight)):
            z = _logits(hidden[rows], weight_c, bias, scale, softcap)
            capped = z.clone() if softcap is not None else None
            if temperature != 1.0:
                z /= temperature
            if want_entropy:  # dH/dz = -p * (log p + H)
                logq = z.sub_(lse[rows, None])
                p = logq.exp()
                dz = logq.add_(entropy[rows, None]).mul_(-g_entropy[rows, None]).sub_(g_logp[rows, None]).mul_(p)
            else:
                dz = z.sub_(lse[rows, None]).exp_().mul_(-g_logp[rows, None])
            dz[torch.arange(len(dz)), target[rows]] += g_logp[rows]
            grads.add(rows, _through_head(dz, capped, scale, softcap, temperature), hidden, weight_c)
        return (*grads.scaled(None), None, None, None, None, None, None)


def _through_head(
    dz: Tensor, capped: Tensor | None, scale: float, softcap: float | None, temperature: float
) -> Tensor:
    """Chain rule from tempered logits back to ``hidden @ weight.T + bias``, in place."""
    if softcap is not None and capped is not None:
        dz *= 1.0 - (capped / softcap).square_()
    if scale != temperature:
        dz *= scale / temperature
    return dz


class _Grads:
    """Gradients of hidden, weight and bias, summed chunk by chunk; only those that are needed."""

    def __init__(self, ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        needs = ctx.needs_input_grad
        self.hidden = torch.empty_like(hidden) if needs[0] else None
        self.weight = torch.zeros_like(weight, dtype=torch.float32) if needs[1] else None
        self.bias = torch.zeros_like(bias, dtype=torch.float32) if needs[2] and bias is not None else None

    def add(self, rows: slice, dz: Tensor, hidden: Tensor, weight: Tensor) -> None:
        if self.bias is not None:
            self.bias += dz.sum(0)
        dz = dz.to(hidden.dtype)
        if self.hidden is not None:
            self.hidden[rows] = dz @ weight
        if self.weight is not None:
            if hidden.dtype == torch.float32:
                self.weight.addmm_(dz.T, hidden[rows])
            else:
                self.weight += dz.T @ hidden[rows]

    def scaled(self, factor: Tensor | None) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        made = (self.hidden, self.weight, self.bias)
        return tuple(g if g is None or factor is None else g.mul_(factor) for g in made)  # type: ignore[return-value]


def _chunks(n: int, vocabulary: int) -> list[slice]:
    """Even chunks of at most CHUNK logits."""
    if n == 0:
        return []
    number = -(-n * vocabulary // CHUNK)
    step = -(-n // min(n, max(1, number)))
    return [slice(start, min(n, start + step)) for start in range(0, n, step)]
