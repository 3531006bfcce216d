"""The engine of generation: a request is split into parts for the cores, and each part runs its decoding loop.

It works on unmodified transformers models that can branch; others use `transformers_generate`.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from threading import Event, Lock

import numpy as np
import torch
from peft.tuners.lora.layer import ParamWrapper
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

PREFILL = 4096
"""Tokens of prompts that all parts read in one pass, at most, unless one prompt is longer."""

PACKED_FROM = 8
"""Packing the weights costs as much as a step or two, so it is done for completions of at least so many tokens."""

PARTS = 2
"""On a CPU a request is split into so many parts, at most. Much of a step is Python and small operations, which one
thread does alone; with two parts another core works meanwhile. More parts would wait for Python's lock."""

PART_ROWS = 24
"""A part has at least so many completions: each part reads all weights in every step."""

REPORT_SECONDS = 0.2
"""The parts' progress is reported so often."""

_CORES = Lock()
"""Held while parts run: the number of threads is the process's, so two requests must not change it at once."""


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
    parts = _parts(request, torch.get_num_threads() if _divisible(policy) else 1)
    if len(parts) == 1:
        with torch.no_grad():
            return DecodingLoop(policy, request, logits).run(lambda: False)
    with _CORES:
        completions = _in_threads(policy, [part for _, part in parts], logits)
    places = [place for indices, _ in parts for place in indices]
    return [group for _, group in sorted(zip(places, chain(*completions), strict=True), key=itemgetter(0))]


def _in_threads(
    policy: Policy, parts: Sequence[Request], logits: Callable[[Tensor], Tensor]
) -> list[list[list[Generation]]]:
    """The completions of each part. The caller's thread reports progress, and an error in one part ends the others."""
    threads, stop, done = torch.get_num_threads(), Event(), [0] * len(parts)

    def run(number: int) -> list[list[Generation]]:
        def on_done(count: int) -> None:
            done[number] = count

        torch.set_num_threads(threads // len(parts))
        part = replace(parts[number], on_done=on_done)
        try:
            with torch.no_grad():
                return DecodingLoop(policy, part, logits, prefill=PREFILL // len(parts)).run(stop.is_set)
        except BaseException:
            stop.set()
            raise

    try:
        with ThreadPoolExecutor(len(parts)) as pool:
            try:
                running = [pool.submit(run, number) for number in range(len(parts))]
                reported = 0
                while wait(running, timeout=REPORT_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                    if sum(done) > reported:
                        parts[0].on_done(reported := sum(done))
                parts[0].on_done(sum(done))
                return [each.result() for each in running]
            finally:
                stop.set()
    finally:
        torch.set_num_threads(threads)


def _divisible(policy: Policy) -> bool:
    """Whether two threads may run the model at once, and gain from it.

    peft's adapters on expert weights change a module during its forward pass. Code that transformers does not have may
    do so too.
    """
    own = type(policy.base).__module__.startswith("transformers.")
    changing = any(isinstance(module, ParamWrapper) for module in policy.model.modules())
    return policy.device.type == "cpu" and own and not changing


def _parts(request: Request, threads: int) -> list[tuple[list[int], Request]]:
    """The parts of a request, each with its indices in the request: long and short prompts in each.

    Together they generate as many completions at once as the request allows.
    """
    prompts, n = request.prompts, request.n
    groups = min(request.rows // n, len(prompts))
    count = max(1, min(PARTS, threads, groups, groups * n // PART_ROWS))
    by_length = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), i))
    parts: list[tuple[list[int], Request]] = []
    for number in range(count):
        indices = by_length[number::count]
        rows = n * (groups // count + (number < groups % count))
        part = replace(request, prompts=[prompts[i] for i in indices], ids=[request.ids[i] for i in indices], rows=rows)
        parts.append((indices, part))
    return parts
