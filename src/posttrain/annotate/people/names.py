"""Names of people: as they are kept, and which of them look the same.

Unicode Technical Standard 39, "Unicode Security Mechanisms": two names are confusable if their skeletons are equal.
"""

import unicodedata
from functools import lru_cache

from posttrain.annotate.problems import Invalid

MOST = 80

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that count as printable, and show nothing. Variation selectors do as well."""


def tidy_name(name: str) -> str:
    """A name as it is kept, however its spaces and accents were typed."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def checked_name(name: str) -> str:
    """A name as it is kept.

    Raises:
        Invalid: it is empty or too long, or holds characters that nobody sees.
    """
    tidy = tidy_name(name)
    if not 1 <= len(tidy) <= MOST or not all(map(is_visible, tidy)):
        raise Invalid(f"a name has 1 to {MOST} printable characters")
    return tidy


def is_visible(character: str) -> bool:
    """Whether a character of a name shows, spaces included."""
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return character.isprintable() and character not in _BLANK and not selector


def look_alike(one: str, other: str) -> bool:
    """Whether two names cannot be told apart by eye, in capitals or not."""
    return any(a == b for a, b in zip(_skeletons(one), _skeletons(other), strict=True))


@lru_cache(maxsize=10_000)
def _skeletons(name: str) -> tuple[str, str]:
    """The skeletons of a name in small letters, and as it stands: a capital I looks like an l, a small one does not."""
    compatible = unicodedata.normalize("NFKC", name)
    return _skeleton(compatible.casefold()), _skeleton(compatible).casefold()


def _skeleton(text: str) -> str:
    """The text with each character's prototype in its place; a character with many twins is their prototype."""
    from confusable_homoglyphs.confusables import confusables_data

    def prototype(character: str) -> str:
        twins = [one["c"] for one in confusables_data.get(character, ())]
        if len(twins) != 1:
            return character
        only = twins[0]
        mutual = [one["c"] for one in confusables_data.get(only, ())] == [character]
        return min(character, only) if mutual else only

    return unicodedata.normalize("NFKD", "".join(map(prototype, text)))
