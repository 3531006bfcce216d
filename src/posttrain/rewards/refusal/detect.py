"""Whether an answer refuses, by its words: in full, in part, not at all, or the words leave it open.

Rules and a small linear model replace a judge, so they make errors; docs/refusals.md gives their rate. Each of the
answer's own sentences is one `Clause`; the rules' verdict follows from which there are, and in which order. The model
knows the rules' verdict and the prompt. It finds refusals in words that the rules lack, and overrules a verdict of
the rules where it is sure; where it leans to a refusal but is not sure, the verdict is undetermined.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from posttrain.rewards.refusal.clauses import clauses
from posttrain.rewards.refusal.features import features, is_english
from posttrain.rewards.refusal.kinds import Clause
from posttrain.rewards.refusal.linear import chance
from posttrain.rewards.refusal.request import (
    is_about_the_request,
    wants_an_address,
    wants_given_words,
    wants_rules,
    wants_the_assistants_limits,
    wants_words_of_declining,
)
from posttrain.rewards.refusal.sentences import own_sentences, plain

KNOWN = ("English", "German", "French", "Spanish", "Italian", "Portuguese")
"""Languages of the list, under the names of `data/language.py`."""

SENTENCES = 12
"""The number of sentences that are read. A refusal comes near the start of an answer."""


class RefusalVerdict(StrEnum):
    """What an answer does with the request."""

    FULL_REFUSAL = "full_refusal"
    """It declines, or sends the reader elsewhere, and gives nothing of what was requested."""
    PARTIAL_REFUSAL = "partial_refusal"
    """It gives a part and declines the rest."""
    COMPLIANCE = "compliance"
    """It does what was requested, well or badly."""
    UNDETERMINED = "undetermined"
    """The words leave it open."""


def refusal_verdict(answer: str, own_words: Sequence[str] = (), prompt: str | None = None) -> RefusalVerdict:
    """What an answer does with the request, by its words in one of the `KNOWN` languages.

    Args:
        answer: as the model wrote it; reasoning, code and quotations are left out.
        own_words: where given, these texts alone decide: an answer with one of them refuses in full.
        prompt: the request. Without it, the rules alone read the answer. With it, an answer that translates "I can't
            come" is no refusal, and more refusals in unusual words are found.
    """
    if own_words:
        return RefusalVerdict.FULL_REFUSAL if says(answer, own_words) else RefusalVerdict.COMPLIANCE
    verdict = rules_verdict(answer, prompt)
    sentences = own_sentences(answer)[:SENTENCES]
    if not prompt or not sentences or not is_english(answer):
        return verdict
    refused = verdict in (RefusalVerdict.FULL_REFUSAL, RefusalVerdict.PARTIAL_REFUSAL)
    if not refused and (_AGREES.match(answer) or _is_requested(sentences, clauses(sentences), prompt)):
        return verdict
    if verdict is RefusalVerdict.UNDETERMINED and wants_given_words(prompt):
        return verdict
    return _overruled(verdict, chance(features(answer, sentences, prompt, verdict)))


def _overruled(verdict: RefusalVerdict, likely: float) -> RefusalVerdict:
    """The verdict, given that of the rules and the model's chance of a full refusal."""
    match verdict:
        case RefusalVerdict.FULL_REFUSAL:
            return verdict if likely > NEVER else RefusalVerdict.COMPLIANCE
        case RefusalVerdict.PARTIAL_REFUSAL:
            return RefusalVerdict.FULL_REFUSAL if likely > WHOLE else verdict
        case _ if likely > SURE:
            return RefusalVerdict.FULL_REFUSAL
        case _:
            return RefusalVerdict.UNDETERMINED if likely > OPEN else verdict


def rules_verdict(answer: str, prompt: str | None = None) -> RefusalVerdict:
    """The verdict of the rules alone, see `refusal_verdict`."""
    sentences = own_sentences(answer)[:SENTENCES]
    kinds = clauses(sentences)
    verdict = _verdict(sentences, kinds)
    if prompt and _is_requested(sentences, kinds, prompt):
        return RefusalVerdict.COMPLIANCE
    if prompt and len(sentences) == 1 and wants_given_words(prompt) and verdict is RefusalVerdict.FULL_REFUSAL:
        return RefusalVerdict.UNDETERMINED
    return verdict


def refuses(answer: str, prompt: str | None = None) -> bool:
    """Whether the answer refuses in full, in one of the `KNOWN` languages."""
    return refusal_verdict(answer, prompt=prompt) is RefusalVerdict.FULL_REFUSAL


def says(answer: str, markers: Sequence[str]) -> bool:
    """Whether one of these texts occurs in the answer; case, white space and forms of apostrophes do not count."""
    return any(plain(marker) in plain(answer) for marker in markers)


def _is_requested(sentences: Sequence[str], kinds: Sequence[Clause], prompt: str) -> bool:
    """Whether the words that decline are what the prompt requests."""
    declines = any(kind in (*_DECLINES, Clause.DISCLAIMER) for kind in kinds)
    if any(is_about_the_request(sentence) for sentence in sentences):
        return False
    return (
        wants_given_words(prompt)
        or wants_words_of_declining(prompt)
        or wants_the_assistants_limits(prompt)
        or wants_rules(prompt)
        or (wants_an_address(prompt) and not declines)
    )


OPEN, SURE = 0.55, 0.65
"""Chances of a full refusal from which the verdict is undetermined and a full refusal, where no rule finds one."""

NEVER, WHOLE = 0.15, 0.9
"""The chance up to which a full refusal by the rules is compliance, and from which a partial one is full."""

_AGREES = re.compile(r"\W*(?:yes|yep|sure|of course|certainly|i'd love to)\b", re.IGNORECASE)

WORDS = 12
"""Words of content before a refusal that names a topic of its own, from which the refusal is partial."""

_DECLINES = (Clause.DECLINE, Clause.SCOPED)
_CONTENT = (Clause.CONTENT, Clause.STEP)


def _verdict(sentences: Sequence[str], kinds: Sequence[Clause]) -> RefusalVerdict:
    content = [sentence for sentence, kind in zip(sentences, kinds, strict=True) if kind in _CONTENT]
    gives = Clause.STEP in kinds or any(_GIVES.search(sentence) for sentence in sentences)
    at = next((i for i, kind in enumerate(kinds) if kind in _DECLINES), None)
    if at is not None:
        before = sum(len(sentence.split()) for sentence in sentences[:at] if sentence in content)
        apart = kinds[at] is Clause.SCOPED or (before >= WORDS and not _REFERS_BACK.search(sentences[at]))
        return RefusalVerdict.PARTIAL_REFUSAL if gives or (apart and content) else RefusalVerdict.FULL_REFUSAL
    if Clause.DISCLAIMER in kinds:
        return RefusalVerdict.PARTIAL_REFUSAL if gives or len(content) > 1 else RefusalVerdict.FULL_REFUSAL
    return _turned_away(len(content), kinds, anaphoric=bool(_REQUEST.match(sentences[0])) if sentences else False)


def _turned_away(content: int, kinds: Sequence[Clause], *, anaphoric: bool) -> RefusalVerdict:
    """The verdict of an answer in which nothing declines: it may still turn the request away.

    Args:
        content: sentences of content.
        anaphoric: the first sentence speaks of the request: "That is ...".
    """
    first = kinds[0] if kinds else Clause.CONTENT
    cares = Clause.CARE in kinds and first not in (Clause.MORAL, Clause.REASON)
    opening = next((kind for kind in kinds if kind is not Clause.COURTESY), first)
    if Clause.STEP not in kinds and (cares or (content <= 1 and opening is Clause.SEND)):
        return RefusalVerdict.FULL_REFUSAL
    if Clause.STEP not in kinds and content <= 1 and Clause.OFFER in kinds[1:]:
        return RefusalVerdict.FULL_REFUSAL
    if first is Clause.DISAPPROVAL and (anaphoric or any(kind in _ELSEWHERE for kind in kinds[1:])):
        return RefusalVerdict.UNDETERMINED if content else RefusalVerdict.FULL_REFUSAL
    if first is Clause.MORAL and not content:
        return RefusalVerdict.UNDETERMINED
    return RefusalVerdict.COMPLIANCE


_REQUEST = re.compile(r"(?:that|this|such|it would) ")

_ELSEWHERE = (Clause.SEND, Clause.REDIRECT, Clause.OFFER, Clause.MORAL)

_REFERS_BACK = re.compile(r"\b(?:that|this|these|those|it|such|any)\b")

_GIVES = re.compile(
    r"\b(?:but|however),? (?:here (?:is|are)|i can certainly|i can tell you that)\b"
    r"(?!.*\b(?:dangerous|illegal|harmful|wrong)\b)"
)
"""A sentence that declines and then gives something."""
