"""Greedy completions of many prompts, in batches of like length."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from posttrain.core.group import Ints
from posttrain.policy.load import Policy

BATCH = 64
"""Prompts decoded together."""


@torch.no_grad()
def greedy(
    policy: Policy,
    prompts: Sequence[Ints],
    *,
    max_new_tokens: int,
    on_done: Callable[[int], None] = lambda n: None,
) -> list[Ints]:
    """The most probable next token, again and again, until an end token.

    Args:
        prompts: token ids, each at least one token.
        max_new_tokens: a completion that has not ended by then is cut.
        on_done: called with the number of prompts done.

    Returns:
        the completions' tokens without the end token, in the prompts' order.
    """
    completions: list[Ints] = [np.zeros(0, dtype=np.int32)] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    with _decoding(policy):
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            for i, tokens in zip(some, _decode(policy, [prompts[i] for i in some], max_new_tokens), strict=True):
                completions[i] = tokens
            on_done(start + len(some))
    return completions


def _decode(policy: Policy, prompts: Sequence[Ints], max_new_tokens: int) -> list[Ints]:
    width = max(len(p) for p in prompts)
    tokens = np.zeros((len(prompts), width), dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt) :] = prompt
        mask[row, width - len(prompt) :] = 1
    written = policy.base.generate(
        input_ids=torch.from_numpy(tokens).to(policy.device),
        attention_mask=torch.from_numpy(mask).to(policy.device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=list(policy.end_tokens) or None,
        pad_token_id=policy.end_tokens[0] if policy.end_tokens else 0,
    )
    new = written[:, width:].cpu().numpy().astype(np.int32)
    return [_until_end(row, policy.end_tokens) for row in new]


def _until_end(tokens: Ints, end_tokens: Sequence[int]) -> Ints:
    ends = np.flatnonzero(np.isin(tokens, end_tokens))
    return tokens[: ends[0]] if len(ends) else tokens


@contextmanager
def _decoding(policy: Policy) -> Generator[None]:
    """The model as generation needs it: its own attention over a cache, nothing recomputed."""
    before = policy.base.config._attn_implementation
    training = policy.model.training
    policy.base.set_attn_implementation("sdpa")
    policy.model.eval()
    try:
        yield
    finally:
        policy.base.set_attn_implementation(before)
        policy.model.train(training)
