"""Near-identical completions: the same words, or almost the same characters with the same numbers."""

import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the form that is compared: its words in lower case with single spaces, and its numbers in order."""

    words: str
    numbers: tuple[str, ...]


def read(text: str) -> Text:
    """Bring a text into the form that is compared."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return Text(words, tuple(_NUMBER.findall(words)))


def near_identical(a: Text, b: Text, similar: float) -> bool:
    """Whether two texts are near-identical.

    Texts with different numbers are never near-identical: "5 mg" and "50 mg" differ by one character only.

    Args:
        similar: smallest share of the characters that the longest common subsequence must cover; 1 requires equal
            words.
    """
    if a.words == b.words:
        return True
    return a.numbers == b.numbers and ratio(a.words, b.words) >= 100.0 * similar
