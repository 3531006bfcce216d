"""When two completions say the same to a reader."""

import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is compared: its words in small letters, one space apart, and its numbers in order."""

    words: str
    numbers: tuple[str, ...]


def read(text: str) -> Text:
    """Bring a text into the form that is compared."""
    words = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return Text(words, tuple(_NUMBER.findall(words)))


def near_identical(a: Text, b: Text, similar: float) -> bool:
    """Whether two texts are near-identical.

    Numbers decide: "5 mg" and "50 mg" differ by one character and by everything that matters.

    Args:
        similar: share of their characters that a longest common subsequence covers, from which on they count as the
            same; 1 asks for equal words.
    """
    if a.words == b.words:
        return True
    return a.numbers == b.numbers and ratio(a.words, b.words) >= 100.0 * similar
