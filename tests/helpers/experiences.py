"""Rollouts made up for tests: completions with chosen rewards, no model behind them."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from posttrain.core.group import Floats
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.request import Generation
from posttrain.rollouts.types import Rollout

NONE = float("nan")
"""No reward."""


def numbered_prompt(number: int, /, **row: object) -> Prompt:
    """A prompt whose tokens are its number."""
    text = f"Say {number}"
    messages = ({"role": "user", "content": text},)
    return Prompt(f"prompts.jsonl:{number + 1}", messages, np.array([1, number + 3], np.int32), {"prompt": text, **row})


def generation(tokens: Sequence[int], logp: Sequence[float] | None = None, *, ended: bool = True) -> Generation:
    """A completion."""
    probs = [-0.5] * len(tokens) if logp is None else list(logp)
    return Generation(np.array(tokens, np.int32), np.array(probs, np.float32), ended)


def experience(
    rewards: Sequence[Sequence[float]],
    written: Sequence[Sequence[Generation]] | None = None,
    components: Mapping[str, Sequence[Sequence[float]]] | None = None,
) -> Rollout:
    """A rollout with these rewards; by default each completion is a token, and the reward has one component."""
    made = written or [[generation([5 + g])] * len(row) for g, row in enumerate(rewards)]
    parts = {"only": rewards} if components is None else components
    return Rollout(
        tuple(numbered_prompt(g) for g in range(len(rewards))),
        tuple(tuple(some) for some in made),
        tuple(tuple(" ".join(map(str, one.tokens)) for one in some) for some in made),
        np.array(rewards, np.float32),
        {name: np.array(values, np.float32) for name, values in parts.items()},
    )


def random_experience(rng: np.random.Generator, *, missing: float = 0.2) -> Rollout:
    """Some prompts, one to three completions each, of random tokens, log-probs, ends and rewards."""
    groups, siblings = int(rng.integers(1, 5)), int(rng.integers(1, 4))

    def one() -> Generation:
        length, ended = int(rng.integers(1, 7)), rng.random() < 0.6
        return generation(rng.integers(3, 60, length).tolist(), (-rng.exponential(1, length)).tolist(), ended=ended)

    rewards: Floats = rng.normal(2, 3, (groups, siblings)).astype(np.float32)
    rewards[rng.random(rewards.shape) < missing] = np.nan
    return experience(rewards.tolist(), [[one() for _ in range(siblings)] for _ in range(groups)])


experiences = st.integers(0, 10**6).map(np.random.default_rng).map(random_experience)
