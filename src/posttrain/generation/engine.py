"""The engine of generation: a request is split into parts for the cores, and each part runs its decoding loop.

It works on unmodified transformers models that can branch; others use `transformers_generate`.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from threading import Event

import numpy as np
import torch
from torch import Tensor

from posttrain.core.attention import layout_of
from posttrain.core.group import Ints
from posttrain.core.logprobs import logits_of
from posttrain.generation.attention import Prefill, register_generation_attention
from posttrain.generation.cache import Cache
from posttrain.generation.decoding_loop import DecodingLoop, hidden_states, prompts_batch
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

PARTS = 2
"""On a CPU a request is split into so many parts, at most. Much of a step is Python and small operations, which one
thread does alone; with two parts another core works meanwhile. More parts would wait for Python's lock."""

PART_ROWS = 24
"""A part has at least so many completions: each part reads all weights in every step."""


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
    with decoding(policy, register_generation_attention()), _products(policy, sampling) as logits:
        return _by_parts(policy, request, logits)


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
def _products(policy: Policy, sampling: Sampling) -> Generator[Callable[[Tensor], Tensor]]:
    """While open, the model's products are packed if that is faster here.

    Yields:
        from hidden states [B, D] to float32 logits [B, V].
    """
    head = head_of(policy.base)
    packs = packable(policy.device, policy.autocast or head.weight.dtype)
    if not packs or sampling.max_new_tokens < PACKED_FROM:
        yield partial(logits_of, head=head)
        return
    batch = prompts_batch([np.zeros(1, np.int32)], policy.device)
    prefill = Prefill(Cache(1, 1, 1, 1), layout_of(batch), [(0, 1)], [0])
    with torch.no_grad(), recorded_inputs(backbone_of(policy.base)) as groups:
        hidden_states(policy, batch.tokens_T, batch.position_T, prefill)
    layers = PackedLayers(groups)
    try:
        yield packed_logits(head)
    finally:
        layers.restore()


def _by_parts(policy: Policy, request: Request, logits: Callable[[Tensor], Tensor]) -> list[list[Generation]]:
    """Run the parts of a request, each in a thread of its own with its share of the cores."""
    threads = torch.get_num_threads()
    parts = _parts(request, threads if policy.device.type == "cpu" else 1)
    done, stop = [0] * len(parts), Event()

    def run(number: int) -> list[list[Generation]]:
        def on_done(count: int) -> None:
            done[number] = count
            if number == 0:  # the caller's thread
                request.on_done(sum(done))

        part = replace(
            request,
            prompts=[request.prompts[i] for i in parts[number]],
            ids=[request.ids[i] for i in parts[number]],
            rows=max(request.rows // len(parts), request.n),
            on_done=on_done,
        )
        torch.set_num_threads(threads // len(parts))
        try:
            with torch.no_grad():
                return DecodingLoop(policy, part, logits).run(stop.is_set)
        except BaseException:
            stop.set()  # the other part must not go on
            raise

    with ThreadPoolExecutor(PARTS) as pool:
        try:
            others = [pool.submit(run, number) for number in range(1, len(parts))]
            found = [run(0), *(other.result() for other in others)]
        finally:
            stop.set()
            torch.set_num_threads(threads)
    if len(parts) > 1:
        request.on_done(sum(done))
    completions = dict(zip(chain(*parts), chain(*found), strict=True))
    return [completions[i] for i in range(len(request.prompts))]


def _parts(request: Request, threads: int) -> list[list[int]]:
    """The indices of each part's prompts: long and short ones in each."""
    prompts = request.prompts
    rows = min(request.n * len(prompts), request.rows)
    count = max(1, min(PARTS, threads, len(prompts), rows // PART_ROWS))
    by_length = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    return [by_length[number::count] for number in range(count)]
