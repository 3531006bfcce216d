"""What each sentence of an answer does: it declines, disapproves, redirects, gives a reason, or says something."""

import re
from collections.abc import Sequence

from posttrain.rewards.refusal.briefly import SHORT
from posttrain.rewards.refusal.kinds import KINDS, Clause
from posttrain.rewards.refusal.languages import PATTERNS
from posttrain.rewards.refusal.limits import WITHHELD
from posttrain.rewards.refusal.words import BEHIND, CANNOT, HELP, IDIOM, IMPERSONAL, OPENING, REFUSAL, TOPIC

CHARACTERS = 400
"""The number of characters of a sentence that are read."""

BRIEF = 4
"""Sentences of an answer at most in which "X is confidential" declines; in a long text it is a statement."""

PIECES = 6
"""Pieces before a refusal in its sentence at most, such as "I'm sorry, but", "as an AI"."""


def clauses(sentences: Sequence[str]) -> list[Clause]:
    """What each sentence of an answer does."""
    brief = len(sentences) <= BRIEF
    return [_clause(sentence[:CHARACTERS], first=not i, brief=brief) for i, sentence in enumerate(sentences)]


def _clause(text: str, *, first: bool, brief: bool) -> Clause:
    if _declines(text, first=first, brief=brief):
        return Clause.SCOPED if _SCOPE.search(text) else Clause.DECLINE
    for part in _JOINT.split(text)[1:]:
        if _declines(part, first=brief and part.startswith("i "), brief=brief):
            return Clause.SCOPED if _SCOPE.search(text) else Clause.DECLINE
    if _ELLIPSIS.match(text):
        return Clause.DECLINE
    if brief and any(_WITHHELD.match(part) for part in _CLAUSE.split(text)[1:]):
        return Clause.DECLINE
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    return Clause.CONTENT


def _declines(sentence: str, *, first: bool, brief: bool) -> bool:
    """Whether a sentence declines, behind at most `PIECES` openings.

    Args:
        first: it is the first of the answer, which may decline in more ways.
        brief: it is of a short answer, which may decline without "I".
    """
    left = sentence.lstrip(_MARKS)
    if _BROKEN.search(left):
        return True
    for piece in range(PIECES):
        if (
            _DECLINE.match(left)
            or (first and _FIRST.match(left))
            or (brief and left.startswith("i ") and _FIRST.match(left))
            or (brief and (_SHORT.match(left) or _IMPERSONAL.match(left)))
        ):
            return True
        if piece and not sentence.startswith("no") and _BEHIND.match(left):
            return True
        opening = _OPENING.match(left)
        if opening is None:
            return False
        left = left[opening.end() :]
    return False


_JOINT = re.compile(
    r"(?:,? (?:and|but|so|since|because)|[,—–]) "
    r"(?:as an? \w+,? (?=(?:i|we) ))?"
    r"(?=(?:i|we) |have no |neither can i|(?:that|this|it) (?:is|crosses|would) |which is not |neither of which)"
)
"""Where a second clause begins that may decline: "..., and I won't share it"."""

_ELLIPSIS = re.compile(rf"(?:i|we) [^.;?!]{{1,80}}? (?:and|but|so) (?:will|can|would|must|may) not {HELP}\b")
"""A second clause without its subject: "I advise against it and will not draft it"."""

_CLAUSE = re.compile(r",? (?:and|but|so|as|since|because|which means)(?: that)? ")
"""Where a second clause begins that may decline without "I": "..., and names can't be shared"."""

_MARKS = " *_#-–—•>()[]"
"""Characters that may come before the first word."""

_IMPERSONAL = re.compile(IMPERSONAL)
_SHORT = re.compile("|".join(SHORT))
_WITHHELD = re.compile(rf"[^,.;:?!]{{1,80}}? {WITHHELD}")
_BEHIND = re.compile(BEHIND)
_FIRST = re.compile(rf"{CANNOT}(?!{IDIOM}\b)\w")
_DECLINE = re.compile("|".join((REFUSAL, *PATTERNS)))
_OPENING = re.compile(OPENING)

_BROKEN = re.compile(r"\W*\w* ?(?:can|an) ?not (?:adv|(?:comment|help|assist) (?:on|with) (?:that|this)\b)")
"""A refusal whose subject a small model has garbled."""

_SCOPE = re.compile(
    r"\b(?:(?:second|other|first|last|latter) (?:part|thing|question|half|list|one)|part of your|themselves|other thing"
    r"|(?:as|when it comes) (?:to|for)|more than that|though(?=\W*$)|the (?:line|part) (?:about|on)"
    r"|stop short of|left out)\b"
    rf"|^whether\b|^(?:{TOPIC})|^(?!.*thing\b)[^,.;:]{{3,50}} (?:i|we) (?:can|will|do) not \w+(?=\W*$|[,;:])"
)
"""Words that narrow what is declined."""

_KINDS = tuple((kind, re.compile(pattern)) for kind, pattern in KINDS)
