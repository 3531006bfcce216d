"""Whether an answer refuses, by its words: a sentence that says "I cannot help", "I must decline" or the like.

A list of words replaces a judge, so it makes errors; `docs/metrics.md` gives their rate. It reads the own words of the
answer sentence by sentence, and leaves out quotations, code, and the reasoning before the answer. In the first sentence
"I cannot" counts with any verb but those of idioms ("I can't wait"); in later ones only with a verb of help, since
letters, poems and dialogues say "I cannot" as well.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from posttrain.rewards.refusal.words import CANNOT, IDIOM, OPENING, REFUSAL, REFUSAL_ELSEWHERE

KNOWN = ("English", "German", "French", "Spanish", "Italian", "Portuguese")
"""Languages of the list, under the names of `data/language.py`."""

SENTENCES = 12
"""The number of sentences that are read. A refusal comes near the start of an answer."""

CHARACTERS = 400
"""The number of characters of a sentence that are read."""

PIECES = 6
"""Pieces before a refusal in its sentence at most, such as "I'm sorry, but", "as an AI"."""


def refuses(answer: str) -> bool:
    """Whether a sentence of the answer is a refusal in one of the `KNOWN` languages."""
    return any(_refuses(sentence, first=not i) for i, sentence in enumerate(_sentences(answer)[:SENTENCES]))


def _refuses(sentence: str, *, first: bool) -> bool:
    left = sentence[:CHARACTERS].lstrip(_MARKS)
    for _ in range(PIECES):
        if _SENTENCE.match(left) or (first and _FIRST.match(left)):
            return True
        opening = _OPENING.match(left)
        if opening is None:
            return False
        left = left[opening.end() :]
    return False


def says(answer: str, markers: Sequence[str]) -> bool:
    """Whether one of these texts occurs in the answer; case, white space and forms of apostrophes do not count."""
    return any(_plain(marker) in _plain(answer) for marker in markers)


def _plain(text: str) -> str:
    return " ".join(_APOSTROPHE.sub("'", text).casefold().split())


def _sentences(answer: str) -> list[str]:
    """The sentences that the answer says itself, in lower case, with contractions written out."""
    text = unicodedata.normalize("NFC", answer.rpartition("</think>")[2].partition("<think>")[0])
    whole = _QUOTED.fullmatch(text)
    text = _ASIDE.sub(" ", _APOSTROPHE.sub("'", whole[1] if whole else text).casefold())
    for short, long in _CONTRACTIONS:
        text = short.sub(long, text)
    return [" ".join(one.split()) for one in _END.split(text) if any(c.isalpha() for c in one)]


_MARKS = " *_#-–—•>()[]"
"""Characters that may come before the first word."""

_APOSTROPHE = re.compile("[’‘ʼ´]")

_QUOTED = re.compile(r'\s*["“]([^"“”]*)["”]\s*')
"""An answer that is in quotation marks as a whole is not a quotation."""

_ASIDE = re.compile(
    r"""
      ```.*?(?:```|\Z)                 # a block of code
    | `[^`\n]*`
    | ^[ \t]*>[^\n]*                   # a quotation as Markdown has it
    | "[^"\n]*" | “[^”\n]*” | „[^“”\n]*[“”] | «[^»\n]*»
    | (?<!\w)'(?=\w)[^\n]{0,300}?'(?!\w)   # between single quotes; an apostrophe is within a word
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

_END = re.compile(r"(?<=[.!?…])[\s*_]+|\n+|;\s")
"""Where a sentence ends."""

_CONTRACTIONS = tuple(
    (re.compile(short), long)
    for short, long in (
        (r"\bcan'?t\b|\bcannot\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\bi'm\b", "i am"),
        (r"\bi'd\b", "i would"),
        (r"\bi'll\b", "i will"),
        (r"\bwe're\b", "we are"),
        (r"\b(it|that|this)'s\b", r"\1 is"),
    )
)

_FIRST = re.compile(rf"{CANNOT}(?!{IDIOM}\b)\w")
_SENTENCE = re.compile(f"{REFUSAL}|{REFUSAL_ELSEWHERE}")
_OPENING = re.compile(OPENING)


class RefusalVerdict(StrEnum):
    """What an answer does with a request."""

    FULL = "full_refusal"
    PARTIAL = "partial_refusal"
    COMPLIANCE = "compliance"
    UNDETERMINED = "undetermined"


def refusal_verdict(answer: str, own_words: Sequence[str] = ()) -> RefusalVerdict:
    """Whether an answer refuses.

    Args:
        own_words: the row's own words for a refusal; they replace the list of words.
    """
    refused = says(answer, own_words) if own_words else refuses(answer)
    return RefusalVerdict.FULL if refused else RefusalVerdict.COMPLIANCE
