"""The rarity of the word pairs in evaluation prompts: the inverse document frequency of a word with the next word.

Many prompts contain the word pairs of a stock phrase, but only few contain those of a question (Spärck Jones, "A
statistical interpretation of term specificity and its application in retrieval", 1972).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.word_hashes import U32, Counts


@dataclass(frozen=True, slots=True)
class Rarity:
    """The rarity of each word of the prompts; the mean over all words is 1.

    Args:
        before: the sum of the rarities of all words before each word [W + 1], prompt after prompt.
        first: the index of the first word of each prompt.
    """

    before: NDArray[np.float64]
    first: NDArray[np.int64]

    def between(self, owner: Counts, at: Counts, size: Counts) -> NDArray[np.float64]:
        """The sum of the rarities of `size` words of a prompt from its word `at` on."""
        start = self.first[owner] + at
        return self.before[start + size] - self.before[start]


def rarity_of(words: U32, counts: Counts) -> Rarity:
    """The rarity of each word: log((prompts + 1) / prompts with this word and the next), divided by the mean.

    The last word of a prompt is paired with the previous word.

    Args:
        words, counts: see `word_hashes`.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    left = np.maximum(first[owner], np.minimum(np.arange(len(words)), first[owner] + counts[owner] - 2))
    right = np.minimum(left + 1, first[owner] + counts[owner] - 1)
    pairs, pair = np.unique(words[left].astype(np.uint64) << np.uint64(32) | words[right], return_inverse=True)
    per_prompt = np.unique(owner * len(pairs) + pair) % max(1, len(pairs))
    rare = np.log((len(counts) + 1) / np.bincount(per_prompt, minlength=len(pairs)))[pair]
    rare /= rare.mean() if len(rare) else 1.0
    return Rarity(np.append(0.0, np.cumsum(rare)), first)
