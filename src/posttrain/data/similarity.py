"""Near-identity of two texts: they use almost the same characters, and exactly the same numbers."""

import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

NEARLY_ALL = 0.95
"""Share of equal characters from which on two texts are near-identical, unless a recipe sets another share."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class ComparedText:
    """A text in the form that is compared: its words, one space apart, and its numbers in order."""

    words: str
    numbers: tuple[str, ...]


def compared_text(text: str) -> ComparedText:
    """Put a text into small letters and one space between words; punctuation stays."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return ComparedText(words, tuple(numbers_in(words)))


def numbers_in(text: str) -> list[str]:
    """The numbers of a text in order."""
    return _NUMBER.findall(text)


def near_identical(a: ComparedText, b: ComparedText, similar: float) -> bool:
    """Whether two texts are near-identical.

    Numbers must be equal: "5 mg" and "50 mg" differ in one character and mean different doses.

    Args:
        similar: share of their characters that a longest common subsequence covers, from which on they count as the
            same; with 1 only equal words count.
    """
    if a.words == b.words:
        return True
    return a.numbers == b.numbers and ratio(a.words, b.words) >= 100.0 * similar
