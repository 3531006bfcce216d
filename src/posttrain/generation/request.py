"""Requests for completions, completions, and the state of the model during generation."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from posttrain.core.group import Floats, Ints
from posttrain.data.chat.answer_text import decode_tokens
from posttrain.generation.sampling import Sampling
from posttrain.policy.load import Policy
from posttrain.policy.probe import plain_attention


@dataclass(frozen=True, slots=True)
class Request:
    """A request for completions.

    Args:
        prompts: token ids, each at least one token.
        sampling: how they are sampled.
        n: the number of completions of each prompt.
        ids: a number for each prompt that, with the seed, fixes its draws.
        rows: completions generated at once; it limits memory, and is at least `n`.
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
        tokens: token ids, with the end token if there is one.
        logp: the log-prob of each token under the model at the sampling temperature, float32.
        ended: False if it was cut at ``max_new_tokens``.
        importance: the weight of each token in the loss, if another engine than the trainer generated it.
        weights: the name of the weights that generated it, if another engine than the trainer did.
    """

    tokens: Ints
    logp: Floats
    ended: bool
    importance: Floats | None = None
    weights: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """The next token of a completion in progress.

    Args:
        id: the token.
        logp: its log-prob at temperature 1, before any filter; None if nobody needs it.
        top: the most probable tokens there, each with its log-prob.
    """

    id: int
    logp: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Constraint(Protocol):
    """What a completion may contain, such as JSON of a schema."""

    problem: str | None
    """Why it cannot go on; the completion then ends with the next token."""

    def restrict(self, logits_V: Tensor) -> None:
        """Set the logits of the tokens that may not come next to minus infinity, in place."""
        ...

    def accept(self, token: int) -> bool:
        """Go on by the token that was drawn; whether the completion is complete with it."""
        ...


Generate = Callable[[Sequence[Ints], Sampling, int, Sequence[int]], list[list[Generation]]]
"""(prompts, sampling, completions of each, numbers that with the seed fix each prompt's draws) → completions."""


def ends(tokens: Sequence[int], policy: Policy, stop: Sequence[str]) -> bool:
    """Whether the last token completes an answer: an end token, or the end of a stop string."""
    if tokens[-1] in policy.end_tokens:
        return True
    if not stop:
        return False
    enough = max(len(text.encode()) for text in stop) + 4  # a token has a byte at least; a few more for marks
    text = decode_tokens(tokens[-enough:], policy.tokenizer)
    return any(string in text for string in stop)


@contextmanager
def decoding(policy: Policy, implementation: str | None = None) -> Generator[None]:
    """While open, no module is in training mode and the model uses this attention (its own if None)."""
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
