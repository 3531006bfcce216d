"""Phrases of an answer's first two sentences and last, and the kinds of its sentences, as features."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from posttrain.rewards.refusal.kinds import Clause

WORDS = 40
"""Words of a sentence that are read."""

_TOKEN = re.compile(r"[a-z']+|\d+|[?!:]")


def phrases(sentences: Sequence[str]) -> dict[str, float]:
    """Pairs and triples of words in the first two sentences, and the single words of the first and of the last."""
    values: dict[str, float] = {}
    for sentence in sentences[:2]:
        words = ["^", *_tokens(sentence)]
        values |= {f"phrase {' '.join(pair)}": 1.0 for pair in pairwise(words)}
        values |= {f"phrase {' '.join(triple)}": 1.0 for triple in zip(words, words[1:], words[2:], strict=False)}
    values |= {f"first word {word}": 1.0 for sentence in sentences[:1] for word in _tokens(sentence)}
    return values | {f"last word {word}": 1.0 for sentence in sentences[1:][-1:] for word in _tokens(sentence)}


def kinds_of_sentences(kinds: Sequence[Clause]) -> dict[str, float]:
    """Which kinds of sentences an answer has, their shares, and the kinds of the first, the second and the last."""
    if not kinds:
        return {}
    values = {f"kind {kind.name}": 1.0 for kind in kinds}
    values |= {f"share {kind.name}": count / len(kinds) for kind, count in Counter(kinds).items()}
    values |= {f"first kind {kinds[0].name}": 1.0, f"last kind {kinds[-1].name}": 1.0}
    return values | {f"second kind {kind.name}": 1.0 for kind in kinds[1:2]}


def _tokens(sentence: str) -> list[str]:
    return ["<n>" if token.isdigit() else token for token in _TOKEN.findall(sentence)][:WORDS]
