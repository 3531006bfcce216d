"""Log-probs of given tokens, computed by chunks: neither pass makes a [tokens, vocabulary] matrix.

Legend: ``N`` loss tokens, ``D`` hidden width, ``V`` vocabulary.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK = 1 << 23
"""The number of logits in a chunk: 32 MiB in float32, large enough for matrix products at full speed."""

CUDA_CHUNK = 1 << 26
"""The same on a GPU: 256 MiB in float32, since each chunk starts some kernels."""

ROWS = 128
"""The smallest number of tokens in a chunk. Each chunk reads and writes the weight's gradient once; with fewer tokens
that costs more than the product itself."""

BLOCK = 1 << 20
"""The number of elements of the weight's gradient that are computed in a narrow dtype at once. They stay in the cache
until they are added in float32."""


@dataclass(frozen=True, slots=True)
class Head:
    """The model's map from hidden states to logits.

    ``logits = softcap * tanh((scale * (hidden @ weight.T + bias)) / softcap) / temperature``

    Args:
        weight: [V, D]; it may be tied to the embedding.
        bias: [V] or None.
        scale: final-logit multiplier (Cohere ``logit_scale``, Granite ``1 / logits_scaling``).
        softcap: final-logit soft cap (Gemma 2); None if there is none.
        into: float32 [V, D]; the weight's gradient is added to it and is not returned to autograd. Autograd would hold
            a gradient for every row and every use of a matrix that may be the model's largest (gradient accumulation
            fusion, as in Megatron-LM). If `gradient` is promised, it is added in the forward pass.
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None
    into: Tensor | None = None


def token_logprobs(
    hidden_ND: Tensor,
    head: Head,
    target_N: Tensor,
    *,
    temperature: float = 1.0,
    entropy: bool = False,
    gradient: float | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The log-prob of each target under softmax(logits) and, if wanted, the entropy of that distribution.

    Args:
        hidden_ND: the hidden states that predict the targets, [N, D].
        head: see `Head`. Matrix products run in the dtype of `hidden_ND`, the softmax in float32.
        target_N: token ids, int64 [N].
        temperature: divides the logits. Log-probs of sampled tokens need the sampling temperature.
        entropy: whether to return the entropies [N] too, in nats, with gradient.
        gradient: a promise that the loss gives every log-prob this gradient (for SFT, -1 / the step's tokens). The
            gradient is then computed together with the value, from the same logits: three matrix products instead
            of four. If the promise is broken, the backward pass raises RuntimeError. A frozen head (LoRA) needs no
            promise: two products instead of three, for any loss.

    Returns:
        (logp_N, entropy_N or None), float32.
    """
    promised = gradient if torch.is_grad_enabled() else None  # without gradient only the value is computed
    logp_N, entropy_N = _TokenLogProbs.apply(
        hidden_ND,
        head.weight,
        head.bias,
        target_N,
        head.into,
        head.scale,
        head.softcap,
        temperature,
        entropy,
        promised,
    )
    return logp_N, entropy_N if entropy else None


def logits_of(hidden_ND: Tensor, head: Head, product: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Float32 logits [N, V] of a few hidden states, before temperature; sampling needs them.

    Args:
        product: ``hidden @ weight.T``, where it is computed in another way.
    """
    z = hidden_ND @ head.weight.to(hidden_ND.dtype).T if product is None else product(hidden_ND)
    return _finish(z.float(), head.bias, head.scale, head.softcap)


class _Buffers(NamedTuple):
    """Memory that all chunks use in turn. An allocation per chunk would cost as much as a pass over it.

    Args:
        narrow: [chunk, V] in the dtype of the products.
        wide: [chunk, V] in float32; the same tensor as `narrow` if the products are float32.
    """

    narrow: Tensor
    wide: Tensor


def _buffers(hidden: Tensor, tokens: int, vocabulary: int) -> _Buffers:
    narrow = hidden.new_empty(tokens, vocabulary)
    return _Buffers(narrow, narrow.float())


def _logits(
    h: Tensor, weight: Tensor, bias: Tensor | None, scale: float, softcap: float | None, buffers: _Buffers
) -> Tensor:
    """Float32 logits of one chunk, before temperature, in the buffers."""
    z = torch.mm(h, weight.T, out=buffers.narrow[: len(h)])
    if buffers.wide is not buffers.narrow:
        z = buffers.wide[: len(h)].copy_(z)
    return _finish(z, bias, scale, softcap)


def _finish(z: Tensor, bias: Tensor | None, scale: float, softcap: float | None) -> Tensor:
    """The logits of a product, in its memory."""
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
        into: Tensor | None,
        scale: float,
        softcap: float | None,
        temperature: float,
        want_entropy: bool,
        promised: float | None,
    ) -> tuple[Tensor, Tensor]:
        ctx.settings = (scale, softcap, temperature, want_entropy)
        ctx.into, ctx.promised = into, promised
        frozen = ctx.needs_input_grad[0] and not any(ctx.needs_input_grad[1:3])
        ctx.now = (promised is not None or frozen) and not want_entropy and any(ctx.needs_input_grad[:3])
        n = len(hidden)
        logp = hidden.new_empty(n, dtype=torch.float32)
        entropy = hidden.new_empty(n if want_entropy else 0, dtype=torch.float32)
        lse = torch.empty_like(logp)
        weight_c = weight.to(hidden.dtype)
        grads = _Grads(ctx, hidden, weight, bias) if ctx.now else None
        for rows, buffers in _chunks(hidden, weight):
            z = _logits(hidden[rows], weight_c, bias, scale, softcap, buffers)
            capped = z.clone() if grads is not None and softcap is not None else None
            if temperature != 1.0:
                z /= temperature
            at_target = z.gather(1, target[rows, None])
            if want_entropy:
                lse[rows] = z.logsumexp(-1)
                logq = z.sub_(lse[rows, None])  # the sum of -p log p: lse - p z would cancel where logits are large
                entropy[rows] = logq.exp().mul_(logq).sum(-1).neg_()
            else:
                top = z.amax(-1, keepdim=True)
                raised = z.sub_(top).exp_()
                total = raised.sum(-1, keepdim=True)
                lse[rows] = (top + total.log())[:, 0]
                if grads is not None:  # d log p / dz = onehot - raised / total; small tensors are divided later
                    dz = raised.scatter_add_(1, target[rows, None], -total)
                    factor = -scale / temperature * (1.0 if promised is None else promised) / total
                    grads.add(rows, _through_cap(dz, capped, softcap), factor, hidden, weight_c, buffers)
            logp[rows] = at_target[:, 0] - lse[rows]
        if grads is not None:
            ctx.grads = grads
        else:
            ctx.save_for_backward(hidden, weight, bias, target, lse, entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        g_logp, g_entropy = upstream
        if ctx.now:
            grads, ctx.grads = ctx.grads, None  # scaled in place, so valid for one backward pass
            if grads is None:
                raise RuntimeError("a gradient that was computed together with the value allows only one backward pass")
            if ctx.promised is None:
                grads.hidden.mul_(g_logp[:, None])
            elif not torch.allclose(g_logp, torch.full_like(g_logp, ctx.promised), rtol=1e-5, atol=0.0):
                raise RuntimeError(
                    f"every log-prob has the promised gradient {ctx.promised}, but the loss gives another"
                )
            return grads.all()
        hidden, weight, bias, target, lse, entropy = ctx.saved_tensors
        scale, softcap, temperature, want_entropy = ctx.settings
        weight_c = weight.to(hidden.dtype)
        grads = _Grads(ctx, hidden, weight, bias)
        for rows, buffers in _chunks(hidden, weight):
            z = _logits(hidden[rows], weight_c, bias, scale, softcap, buffers)
            capped = z.clone() if softcap is not None else None
            if temperature != 1.0:
                z /= temperature
            z.sub_(lse[rows, None])
            factor = g_logp[rows, None] * (-scale / temperature)
            if want_entropy:  # dH/dz = -p * (log p + H)
                p = z.exp()
                dz = z.add_(entropy[rows, None]).mul_(-g_entropy[rows, None]).sub_(g_logp[rows, None]).mul_(p)
                dz.scatter_add_(1, target[rows, None], g_logp[rows, None])
                factor = torch.full_like(factor, scale / temperature)
            else:
                dz = z.exp_().scatter_add_(1, target[rows, None], -torch.ones_like(factor))
            grads.add(rows, _through_cap(dz, capped, softcap), factor, hidden, weight_c, buffers)
        return grads.all()


def _through_cap(dz: Tensor, capped: Tensor | None, softcap: float | None) -> Tensor:
    """Turn the gradient of capped logits into that of uncapped logits, in place."""
    if softcap is not None and capped is not None:
        dz *= 1.0 - (capped / softcap).square_()
    return dz


class _Grads:
    """The needed gradients of hidden, weight and bias, summed chunk by chunk."""

    def __init__(self, ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        needs = ctx.needs_input_grad
        self.hidden = torch.empty_like(hidden) if needs[0] else None
        self.own = torch.zeros_like(weight, dtype=torch.float32) if needs[1] and ctx.into is None else None
        self.weight = ctx.into if needs[1] and ctx.into is not None else self.own
        self.bias = torch.zeros_like(bias, dtype=torch.float32) if needs[2] and bias is not None else None

    def add(self, rows: slice, dz: Tensor, factor: Tensor, hidden: Tensor, weight: Tensor, buffers: _Buffers) -> None:
        """Add the gradients of a chunk whose logits have the gradient ``factor * dz``, [chunk, 1] and [chunk, V]."""
        if self.bias is not None:
            self.bias.addmv_(dz.T, factor[:, 0])
        if buffers.wide is not buffers.narrow:
            dz = buffers.narrow[: len(dz)].copy_(dz)
        if self.hidden is not None:
            self.hidden[rows] = (dz @ weight).mul_(factor)
        if self.weight is not None:
            _add_product(self.weight, dz.T, (hidden[rows] * factor).to(hidden.dtype))

    def all(self) -> tuple[Tensor | None, ...]:
        """A gradient or None for each argument of the forward pass."""
        return self.hidden, self.own, self.bias, *[None] * 7


def _add_product(into: Tensor, a: Tensor, b: Tensor) -> None:
    """Compute ``into += a @ b`` in float32, without a second matrix of that size."""
    if a.dtype == into.dtype:
        into.addmm_(a, b)
        return
    if into.is_cuda:
        torch.addmm(into, a, b, out_dtype=torch.float32, out=into)
        return
    step = max(1, BLOCK // into.shape[1])
    for start in range(0, len(into), step):
        into[start : start + step] += a[start : start + step] @ b


def chunk_of(device: str) -> int:
    """The number of logits in a chunk on this type of device."""
    return CUDA_CHUNK if device == "cuda" else CHUNK


def _chunks(hidden: Tensor, weight: Tensor) -> Iterator[tuple[slice, _Buffers]]:
    """Even chunks of at most `chunk_of` logits (at least ROWS tokens), and the buffers that they all use in turn."""
    n, vocabulary = len(hidden), len(weight)
    if n == 0:
        return
    step = -(-n // -(-n // max(ROWS, chunk_of(hidden.device.type) // vocabulary)))
    buffers = _buffers(hidden, step, vocabulary)
    for start in range(0, n, step):
        yield slice(start, min(n, start + step)), buffers
