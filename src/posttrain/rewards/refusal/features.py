"""What a linear model reads of an answer: its shape and words, what the rules find in it, how it fits the request."""

import math
import re
from collections.abc import Sequence

from posttrain.rewards.refusal.clauses import clauses
from posttrain.rewards.refusal.phrases import kinds_of_sentences, phrases
from posttrain.rewards.refusal.relation import relations
from posttrain.rewards.refusal.request import request_kind
from posttrain.rewards.refusal.vocabulary import (
    CLASSES,
    FUNCTION_WORDS,
    GERUND,
    IMPERATIVE,
    NEGATION,
    SELF,
    SELF_NEGATION,
    TELLING,
)

Features = dict[str, float]
"""Values by name; an absent one is 0."""

SHORT = 45
"""Words below which an answer is short: there the relation to the request counts more."""

OPENING = 3
"""The number of first sentences whose words are read one by one."""


def features(answer: str, sentences: Sequence[str], prompt: str, verdict: str) -> Features:
    """The features of an answer.

    Args:
        answer: as the model wrote it.
        sentences: its own first sentences, see `own_sentences`.
        prompt: the request.
        verdict: that of the rules.
    """
    found = {"bias": 1.0, **_size(answer, sentences), **_classes(sentences)}
    found |= {f"word {word}": 1.0 for sentence in sentences[:OPENING] for word in _stems(sentence)}
    shape, kind = _shape(answer, sentences, prompt), request_kind(prompt)
    found |= {f"shape {name}": value for name, value in shape.items()}
    found |= {f"{kind} {name}": value for name, value in {"any": 1.0, **shape}.items()}
    found |= _overlap(sentences, prompt) | _related(sentences, prompt, kind)
    found |= phrases(sentences) | kinds_of_sentences(clauses(sentences)) | {f"rules {verdict}": 1.0}
    return {name: value for name, value in found.items() if value}


def is_english(text: str) -> bool:
    """Whether English function words are a fifth of it; the features know no other language."""
    words = _WORD.findall(text.casefold())
    known = sum(word in FUNCTION_WORDS for word in words)
    return known > 1 and known >= len(words) / 5


def _size(answer: str, sentences: Sequence[str]) -> Features:
    length = len(_WORD.findall(answer.casefold()))
    ordinary = sum(not any(CLASSES[name].search(sentence) for name in TELLING) for sentence in sentences)
    return {
        "length": math.log1p(length) / 3,
        "length below 12": float(length < 12),
        "length above 90": float(length > 90),
        "sentences": min(len(sentences), 10) / 4,
        "lines": min(answer.strip().count("\n"), 6) / 3,
        "list": float(bool(_LIST.search(answer))),
        "nothing of its own": float(not sentences),
        "question": float("?" in answer),
        "ends with a question": float(answer.strip().endswith("?")),
        "quotation": float(answer.strip()[:1] in ('"', "“")),
        "ordinary sentences": min(ordinary, 4) / 2,
        "share of ordinary sentences": ordinary / max(1, len(sentences)),
    }


def _classes(sentences: Sequence[str]) -> Features:
    words = max(8, sum(len(sentence.split()) for sentence in sentences))
    found: Features = {}
    for name, pattern in CLASSES.items():
        found[f"first {name}"] = float(any(map(pattern.search, sentences[:1])))
        found[f"next {name}"] = float(any(map(pattern.search, sentences[1:3])))
        found[f"density {name}"] = min(2.0, 10 * sum(len(pattern.findall(s)) for s in sentences) / words)
    found["first self-negation"] = float(any(map(SELF_NEGATION.search, sentences[:1])))
    found["self-negation"] = float(any(map(SELF_NEGATION.search, sentences[:4])))
    return found


def _shape(answer: str, sentences: Sequence[str], prompt: str) -> Features:
    """What tells whether an answer holds the thing requested."""
    length = len(_WORD.findall(answer.casefold()))
    first = sentences[0] if sentences else ""
    low = answer.strip().casefold()
    return {
        "below 15 words": float(length < 15),
        "15 to 39 words": float(15 <= length < 40),
        "40 to 69 words": float(40 <= length < 70),
        "new number": float(bool(set(_NUMBER.findall(answer)) - set(_NUMBER.findall(prompt)))),
        "new name": float(bool(set(_NAME.findall(answer)) - set(_CAPITAL.findall(prompt)))),
        "quotation or colon": float(bool(_QUOTE.search(answer))),
        "several lines": float("\n" in answer.strip()),
        "yes": float(bool(_YES.match(low))),
        "no": float(bool(_NO.match(low))),
        "steps": min(3, sum(bool(IMPERATIVE.match(sentence)) for sentence in sentences)) / 2,
        "act first": float(bool(GERUND.match(first))),
        "repeats the topic": len(set(_content(first)[:4]) & set(_content(prompt))) / 3,
        "you": float(bool(CLASSES["you"].search(first))),
        "self": float(bool(_SELF.search(first))),
        "negation": float(bool(_NEGATION.search(first))),
        "self-negation": float(bool(SELF_NEGATION.search(first))),
        "send": float(any(map(CLASSES["send"].search, sentences[:3]))),
        "wrong": float(any(map(CLASSES["wrong"].search, sentences[:2]))),
        "limit": float(any(map(CLASSES["limit"].search, sentences[:2]))),
        "redirect": float(any(map(CLASSES["redirect"].search, sentences[:3]))),
    }


def _related(sentences: Sequence[str], prompt: str, kind: str) -> Features:
    related = relations(sentences, prompt)
    short = sum(len(sentence.split()) for sentence in sentences) < SHORT
    places = ("", f"{kind} ", *(("short ",) if short else ()))
    return {f"relation {place}{name}": value for place in places for name, value in related.items()}


def _overlap(sentences: Sequence[str], prompt: str) -> Features:
    wanted = set(_content(prompt))
    given = _content(" ".join(sentences))
    new = [word for word in given if word not in wanted]
    return {
        "request's words in the answer": len(wanted & set(given)) / max(1, len(wanted)),
        "answer's words in the request": 1 - len(new) / max(1, len(given)),
        "new words": math.log1p(len(set(new))) / 2,
    }


def _content(text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    return [_stem(word) for word in words if word not in FUNCTION_WORDS and len(word) > 2]


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(text)]


def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > 4 else word


_WORD = re.compile(r"[a-z0-9äöüßàâçéèêëîïôûùñáíóúãõ']+")
_ENDING = re.compile(r"(?:'s|ing|ed|es|s|ly|e)$")
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_CAPITAL = re.compile(r"[A-Z][a-z]+")
_QUOTE = re.compile(r'["“`]|:\s')
_LIST = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s", re.MULTILINE)
_YES = re.compile(r"(?:yes|yep|sure|of course|certainly)\b")
_NO = re.compile(r"no\b")
_SELF = re.compile(rf"\b{SELF}\b")
_NEGATION = re.compile(rf"\b{NEGATION}\b")
