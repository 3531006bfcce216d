"""What is asked of a policy that writes, what it answers, and the state the model is in meanwhile."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from posttrain.core.group import Floats, Ints
from posttrain.data.chat.answer_text import decode_tokens
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy
from posttrain.policy.probe import plain_attention


@dataclass(frozen=True, slots=True)
class Request:
    """Completions to write.

    Args:
        prompts: token ids, each at least one token.
        sampling: how they are drawn.
        n: completions of each prompt.
        ids: numbers that, with the seed, fix each prompt's draws.
        rows: completions written at once (memory), at least `n`.
        on_done: called with the number of completions done.
    """

    prompts: Sequence[Ints]
    sampling: Sampling
    n: int
    ids: Sequence[int]
    rows: int
    on_done: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Generation:
    """A completion.

    Args:
        tokens: ids, the end token included if there is one.
        logp: of each token under the model at the sampling temperature, float32.
        ended: False if it was cut at ``max_new_tokens``.
        importance: where another engine wrote than the trainer, the weight of each token in the loss.
    """

    tokens: Ints
    logp: Floats
    ended: bool
    importance: Floats | None = None


Generate = Callable[[Sequence[Ints], Sampling, int, Sequence[int]], list[list[Generation]]]
"""(prompts, sampling, completions of each, numbers that with the seed fix each prompt's draws) → completions."""


def ends(tokens: Sequence[int], policy: Policy, stop: Sequence[str]) -> bool:
    """Whether the last token completes an answer: an end token, or the end of a stop string."""
    if tokens[-1] in policy.end_tokens:
        return True
    if not stop:
        return False
    enough = max(len(text.encode()) for text in stop) + 4  # a token is a byte at least; a few more for marks
    text = decode_tokens(tokens[-enough:], policy.tokenizer)
    return any(one in text for one in stop)


@contextmanager
def decoding(policy: Policy, implementation: str | None = None) -> Generator[None]:
    """The model as writing needs it: no module in training mode, this attention (its own if None); afterwards all as
    it was."""
    before = policy.base.config._attn_implementation
    training = [module for module in policy.model.modules() if module.training]
    if implementation is None:
        plain_attention(policy.base)
    else:
        policy.base.set_attn_implementation(implementation)
    policy.model.eval()
    try:
        yield
    finally:
        policy.base.set_attn_implementation(before)
        for module in training:
            module.training = True
