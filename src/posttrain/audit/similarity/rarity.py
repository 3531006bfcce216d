"""How rare the wording of evaluation prompts is among them.

The inverse document frequency (Spärck Jones, "A statistical interpretation of term specificity and its application in
retrieval", 1972) of each word with the word after it. A set sentence has pairs of words that many prompts hold, a
question has pairs of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.similarity.word_hashes import U32, Counts


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare the words of some prompts are; 1 is the mean of all.

    Args:
        before: the sum over all words before each word [W + 1], prompt after prompt.
        first: of each prompt, the number of its first word.
    """

    before: NDArray[np.float64]
    first: NDArray[np.int64]

    def between(self, owner: Counts, at: Counts, size: Counts) -> NDArray[np.float64]:
        """The sum over `size` words of a prompt from its word `at` on."""
        start = self.first[owner] + at
        return self.before[start + size] - self.before[start]


def rarity_of(words: U32, counts: Counts) -> Rarity:
    """log((prompts + 1) / prompts with the word and the next), divided by its mean.

    The last word of a prompt goes with the word before it.

    Args:
        words, counts: see `word_hashes`.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    left = np.maximum(first[owner], np.minimum(np.arange(len(words)), first[owner] + counts[owner] - 2))
    right = np.minimum(left + 1, first[owner] + counts[owner] - 1)
    each, pair = np.unique(words[left].astype(np.uint64) << np.uint64(32) | words[right], return_inverse=True)
    held = np.unique(owner * len(each) + pair) % max(1, len(each))
    rare = np.log((len(counts) + 1) / np.bincount(held, minlength=len(each)))[pair]
    rare /= rare.mean() if len(rare) else 1.0
    return Rarity(np.append(0.0, np.cumsum(rare)), first)
