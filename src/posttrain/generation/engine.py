"""The engine of generation: it packs the model's products and runs the decoding loop.

It works on unmodified transformers models that can branch; others use `transformers_generate`.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.group import Ints
from posttrain.core.logprobs import logits_of
from posttrain.generation.attention import Prefill, register_generation_attention
from posttrain.generation.cache import Cache
from posttrain.generation.decoding_loop import decode_all, hidden_states, prompts_batch
from posttrain.generation.products import PackedLayers, packable, packed_logits, recorded_inputs
from posttrain.generation.request import Generate, Generation, Request, decoding
from posttrain.generation.sampling import Sampling
from posttrain.generation.transformers_generate import generate_plain
from posttrain.policy.forward import backbone_of, head_of
from posttrain.policy.load import Policy
from posttrain.policy.rope import depends_on_length

ROWS = 128
"""The default number of completions that are generated at once."""

PACKED_FROM = 8
"""Packing the weights costs as much as a step or two, so it is done for completions of at least so many tokens."""


def generate_completions(
    policy: Policy,
    prompts: Sequence[Ints],
    sampling: Sampling,
    *,
    n: int = 1,
    ids: Sequence[int] | None = None,
    rows: int = ROWS,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[list[Generation]]:
    """Generate `n` completions of each prompt.

    Args:
        prompts: token ids, each at least one token.
        ids: a number for each prompt that, with the seed, fixes its draws; by default its index.
        rows: completions generated at once; it limits memory, and is at least `n`.
        on_done: called with the number of completions done.

    Returns:
        the completions of each prompt, in order. They do not depend on the other prompts.
    """
    ids = range(len(prompts)) if ids is None else ids
    if not prompts:
        return []
    longest = max(len(prompt) for prompt in prompts) + sampling.max_new_tokens
    request = Request(prompts, sampling, n, ids, max(rows, n), on_done)
    if not policy.branching or depends_on_length(policy.base.config, longest):
        return generate_plain(policy, request)
    with torch.no_grad(), decoding(policy, register_generation_attention()), _logits(policy, sampling) as logits:
        return decode_all(policy, request, logits)


def policy_generate(policy: Policy, rows: int = ROWS) -> Generate:
    """`generate_completions` of one policy, with `rows` completions at once."""
    return lambda prompts, sampling, n, ids: generate_completions(policy, prompts, sampling, n=n, ids=ids, rows=rows)


def greedy(
    policy: Policy,
    prompts: Sequence[Ints],
    *,
    max_new_tokens: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Ints]:
    """Greedy decoding: completions of the most probable tokens, without their end token."""
    groups = generate_completions(policy, prompts, Sampling(max_new_tokens, temperature=0), on_done=on_done)
    return [c.tokens[:-1] if c.ended and c.tokens[-1] in policy.end_tokens else c.tokens for (c,) in groups]


@contextmanager
def _logits(policy: Policy, sampling: Sampling) -> Generator[Callable[[Tensor], Tensor]]:
    """From hidden states [B, D] to float32 logits [B, V], with `packed_products` unless completions are short."""
    if sampling.max_new_tokens < PACKED_FROM:
        yield partial(logits_of, head=head_of(policy.base))
        return
    with packed_products(policy) as logits:
        yield logits


@contextmanager
def packed_products(policy: Policy) -> Generator[Callable[[Tensor], Tensor]]:
    """While open, the model's products are packed if that is faster here. Its weights must not change.

    Yields:
        from hidden states [B, D] to float32 logits [B, V].
    """
    head = head_of(policy.base)
    if not packable(policy.device, policy.autocast or head.weight.dtype):
        yield partial(logits_of, head=head)
        return
    batch = prompts_batch([np.zeros(1, np.int32)], policy.device)
    prefill = Prefill(Cache(1, 1, 1, 1), layout_of(batch), [(0, 1)], [0])
    with recorded_inputs(backbone_of(policy.base)) as groups:
        hidden_states(policy, batch.tokens_T, batch.position_T, prefill)
    layers = PackedLayers(groups)
    try:
        yield packed_logits(head)
    finally:
        layers.restore()
