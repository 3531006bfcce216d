"""Tests whether a model can branch, with a few random tokens, before its results are trusted.

An architecture may mix tokens outside attention (state-space, convolutions), ignore position ids (ALiBi), or transform
its final logits in its own way. A comparison on the model itself needs no list of architectures.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posttrain.core import attention
from posttrain.core.group import Completion, Group
from posttrain.core.logprobs import token_logprobs
from posttrain.core.packing import Batch, collate
from posttrain.errors import InputError
from posttrain.policy.forward import backbone_of, head_of, packed_hidden, rows_hidden
from posttrain.policy.load import Policy

ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Dtype of the weights → the largest relative difference that counts as rounding. A wrong layout differs by as much as
the values themselves."""

SAMPLES = 8
"""Samples of random tokens that are tried for narrow weights. Rounding can grow over many layers until a completion
differs as much as with a wrong layout; but a wrong layout is wrong for every sample."""


@torch.no_grad()
def settle_layout(policy: Policy) -> str | None:
    """Switch a policy to one padded row per completion if it cannot branch.

    Returns:
        None if the policy stays unchanged, otherwise a sentence on the change and its reason.

    Raises:
        InputError: the model's final logits are not those that its configuration describes.
    """
    batches = [_sample(policy, seed) for seed in range(SAMPLES)]
    name = type(policy.base).__name__
    sentence = None
    wide = policy.base.get_input_embeddings().weight.dtype == torch.float32
    if policy.branching and not any(_branches(policy, batch) for batch in batches[: 1 if wide else SAMPLES]):
        policy.branching = False
        sentence = (
            f"{name} cannot share a prompt between completions; "
            "each completion is run as a row of its own (slower, same result)"
        )
    if policy.task == "causal" and not _head_is_known(policy, batches[0].tokens_T[:8]):
        raise InputError(
            f"{name}: its final layer transforms the logits in a way this version does not know, "
            "so training it here would be wrong; please report the architecture"
        )
    if policy.branching:
        policy.base.set_attn_implementation(attention.NAME)
    return sentence


def _sample(policy: Policy, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    vocabulary = policy.base.config.get_text_config().vocab_size

    def random_completion(n: int) -> Completion:
        return Completion(rng.integers(0, vocabulary, n).astype(np.int32), np.ones(n, dtype=np.bool_))

    groups = [
        Group("probe", random_completion(p).tokens, tuple(random_completion(n) for n in own))
        for p, own in ((5, (3, 6)), (3, (4,)))
    ]
    return collate(groups, policy.device)


def _branches(policy: Policy, batch: Batch) -> bool:
    """Whether the packed row gives the hidden states of each completion alone. The model then has plain attention."""
    body = backbone_of(policy.base)
    if policy.base.config._attn_implementation != attention.NAME:  # an earlier sample was not alike
        policy.base.set_attn_implementation(attention.NAME)
    with _narrow(policy.base):
        try:
            hidden_TD = packed_hidden(body, batch)
        except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, IndexError):
            plain_attention(policy.base)
            return False
        plain_attention(policy.base)
        alike = True
        for branch in batch.branches:
            places = torch.cat([torch.arange(*branch.prompt), torch.arange(*branch.own)])
            alike &= _close(policy, hidden_TD[places], rows_hidden(body, batch.tokens_T[places][None])[0])
    return alike


def plain_attention(model: Any) -> None:
    """Switch to transformers' own attention, the fastest one of the architecture."""
    try:
        model.set_attn_implementation("sdpa")
    except ValueError:  # soft caps, sinks
        model.set_attn_implementation("eager")
    if model.config._attn_implementation == attention.NAME:
        # The architecture does not use the registry: only its masks depend on the name.
        model.config._attn_implementation = "eager"


@contextmanager
def _narrow(model: Any) -> Generator[None]:
    """A context in which windows and chunks of attention are so narrow that they cut even a short text. Some models
    (Qwen2-MoE, Llama 4) have them in masks alone, which branching attention does not see."""
    holders = [model.config.get_text_config(), *model.modules()]
    kept = [
        (holder, name, width)
        for holder in holders
        for name in ("sliding_window", "attention_chunk_size")
        if isinstance(width := getattr(holder, name, None), int) and width > 0
    ]
    try:
        for holder, name, _ in kept:
            setattr(holder, name, 3)
        yield
    finally:
        for holder, name, width in kept:
            setattr(holder, name, width)


def _head_is_known(policy: Policy, tokens_T: Tensor) -> bool:
    plain_attention(policy.base)
    hidden = rows_hidden(backbone_of(policy.base), tokens_T[None])[0]
    ones = torch.ones_like(tokens_T)[None]
    logits = policy.base(input_ids=tokens_T[None], attention_mask=ones, use_cache=False).logits[0]
    expected = logits.float().log_softmax(-1)
    logprobs, _ = token_logprobs(hidden[:-1], head_of(policy.base), tokens_T[1:])
    return _close(policy, logprobs, expected[:-1].gather(1, tokens_T[1:, None])[:, 0])


def _close(policy: Policy, actual: Tensor, expected: Tensor) -> bool:
    tolerance = ROUNDING.get(policy.base.get_input_embeddings().weight.dtype, 0.1)
    return bool((actual.float() - expected.float()).abs().max() <= tolerance * expected.float().abs().max())
