"""Random groups for property tests, and the plain texts of their completions."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from posttrain.core.group import Completion, Floats, Group, Ints

VOCABULARY = 64


def random_group(
    rng: np.random.Generator, prompt: int, lengths: Sequence[int], *, loss: float = 0.8, vocabulary: int = VOCABULARY
) -> Group:
    """A group of random tokens; each completion bears loss on its last token and on others by chance.

    Carries the columns ``rank`` (random, perhaps tied) and ``ref_logp``.
    """

    def tokens(n: int) -> Ints:
        return rng.integers(3, vocabulary, n).astype(np.int32)

    completions: list[Completion] = []
    for length in lengths:
        mask = rng.random(length) < loss
        mask[-1] = True
        completions.append(Completion(tokens(length), mask))
    count = sum(int(c.loss.sum()) for c in completions)
    columns: dict[str, Floats] = {
        "rank": rng.integers(1, len(lengths) + 1, len(lengths)).astype(np.float32),
        "ref_logp": -rng.exponential(2.0, count).astype(np.float32),
    }
    return Group(f"data.jsonl:{rng.integers(1, 1000)}", tokens(prompt), tuple(completions), columns)


def groups(
    *, largest: int = 6, longest: int = 12, branches: int = 4, shortest: int = 1
) -> st.SearchStrategy[list[Group]]:
    """One to `largest` groups of prompts and completions of random lengths."""
    length = st.integers(shortest, longest)
    shape = st.tuples(st.integers(1, longest), st.lists(length, min_size=1, max_size=branches))
    seed = st.integers(0, 2**32 - 1)

    def build(shapes: list[tuple[int, list[int]]], number: int) -> list[Group]:
        rng = np.random.default_rng(number)
        return [random_group(rng, prompt, lengths) for prompt, lengths in shapes]

    return st.builds(build, st.lists(shape, min_size=1, max_size=largest), seed)


def texts_of(some: Sequence[Group]) -> list[Ints]:
    """Every completion after its prompt, as a plain text of its own."""
    return [np.concatenate([g.prompt, c.tokens]) for g in some for c in g.completions]
