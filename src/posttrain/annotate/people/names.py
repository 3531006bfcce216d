"""Names of people: their stored form, and names that look the same.

Unicode Technical Standard 39, "Unicode Security Mechanisms": two names are confusable if their skeletons are equal.
"""

import unicodedata
from functools import lru_cache

from confusable_homoglyphs.confusables import confusables_data

from posttrain.annotate.problems import Invalid

MAX_NAME = 80

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Invisible characters that Python counts as printable; variation selectors are checked apart."""


def tidy_name(name: str) -> str:
    """The stored form of a name: spaces and accents are normalised."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def checked_name(name: str) -> str:
    """The stored form of a new name.

    Raises:
        Invalid: it is empty or too long, or has invisible characters.
    """
    tidy = tidy_name(name)
    if not 1 <= len(tidy) <= MAX_NAME or not all(map(is_visible, tidy)):
        raise Invalid(f"a name has 1 to {MAX_NAME} printable characters")
    return tidy


def is_visible(character: str) -> bool:
    """Whether a character is visible; a space counts as visible."""
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return character.isprintable() and character not in _BLANK and not selector


def look_alike(first: str, second: str) -> bool:
    """Whether two names look the same, as they are written or in lower case."""
    return any(a == b for a, b in zip(_skeletons(first), _skeletons(second), strict=True))


@lru_cache(maxsize=10_000)
def _skeletons(name: str) -> tuple[str, str]:
    """The skeletons of a name in lower case and as it is written: a capital I looks like an l, a small i does not."""
    compatible = unicodedata.normalize("NFKC", name)
    return _skeleton(compatible.casefold()), _skeleton(compatible).casefold()


def _skeleton(text: str) -> str:
    """The text with each character replaced by its prototype; a character with several twins is their prototype."""

    def prototype(character: str) -> str:
        twins = [twin["c"] for twin in confusables_data.get(character, ())]
        if len(twins) != 1:
            return character
        only = twins[0]
        mutual = [twin["c"] for twin in confusables_data.get(only, ())] == [character]
        return min(character, only) if mutual else only

    return unicodedata.normalize("NFKD", "".join(map(prototype, text)))
