"""Can this model branch? Asked of the model itself, with a few random tokens, before it is trusted.

An architecture may mix tokens outside attention (state-space, convolutions), ignore position ids (ALiBi), or
transform its final logits in a way of its own. Rather than keep a list of names, compare once.
"""

import numpy as np
import torch
from torch import Tensor

from posttrain.core.group import Completion, Group
from posttrain.core.logprobs import token_logprobs
from posttrain.core.packing import Batch, collate
from posttrain.errors import InputError
from posttrain.policy.forward import backbone_of, head_of, packed_hidden
from posttrain.policy.load import Policy

ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest relative difference thought of as rounding; a wrong layout is off by the size of the values."""


@torch.no_grad()
def settle_layout(policy: Policy) -> str | None:
    """Switch a policy that cannot branch to one padded row per completion.

    Returns:
        None if the policy stays as it was, otherwise a sentence that says what was changed and why.

    Raises:
        InputError: the model's final logits are not those its configuration describes.
    """
    batch = _sample(policy)
    name = type(policy.base).__name__
    sentence = None
    if policy.branching and not _branches(policy, batch):
        policy.branching = False
        sentence = (
            f"{name} cannot share a prompt between completions; "
            "each completion is run as a row of its own (slower, same result)"
        )
    if not policy.branching:
        policy.base.set_attn_implementation("sdpa")
    if policy.task == "causal" and not _head_is_known(policy, batch.tokens_T):
        raise InputError(
            f"{name}: its final layer transforms the logits in a way this version does not know, "
            "so training it here would be wrong; please report the architecture"
        )
    return sentence


def _sample(policy: Policy) -> Batch:
    rng = np.random.default_rng(0)
    vocabulary = policy.base.config.get_text_config().vocab_size

    def some(n: int) -> Completion:
        return Completion(rng.integers(0, vocabulary, n).astype(np.int32), np.ones(n, dtype=np.bool_))

    groups = [Group("probe", some(p).tokens, tuple(some(n) for n in own)) for p, own in ((5, (3, 6)), (3, (4,)))]
    return collate(groups, policy.device)


def _branches(policy: Policy, batch: Batch) -> bool:
    try:
        hidden_TD = packed_hidden(policy, batch)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError, IndexError):
        return False
    policy.base.set_attn_implementation("sdpa")
    alike = True
    for branch in batch.branches:
        places = torch.cat([torch.arange(*branch.prompt), torch.arange(*branch.own)])
        alone = backbone_of(policy.base)(input_ids=batch.tokens_T[places][None], use_cache=False)
        alike &= _close(hidden_TD[places], alone.last_hidden_state[0])
    policy.base.set_attn_implementation("posttrain_branching")
    return alike


def _head_is_known(policy: Policy, tokens_T: Tensor) -> bool:
    implementation = policy.base.config._attn_implementation
    policy.base.set_attn_implementation("sdpa")
    hidden = backbone_of(policy.base)(input_ids=tokens_T[None], use_cache=False).last_hidden_state[0]
    expected = policy.base(input_ids=tokens_T[None], use_cache=False).logits[0].float().log_softmax(-1)
    policy.base.set_attn_implementation(implementation)
    found, _ = token_logprobs(hidden[:-1], head_of(policy.base), tokens_T[1:])
    return _close(found, expected[:-1].gather(1, tokens_T[1:, None])[:, 0])


def _close(found: Tensor, expected: Tensor) -> bool:
    tolerance = ROUNDING.get(expected.dtype, 0.1)
    return bool((found.float() - expected.float()).abs().max() <= tolerance * expected.float().abs().max())
