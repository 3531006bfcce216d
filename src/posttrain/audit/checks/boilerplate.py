"""Checks on answers that speak of being a model, and on prompts that need an image, a link or live data."""

import re

from posttrain.audit.checks.row_check import RowCheck, snippet
from posttrain.audit.findings import Rule
from posttrain.audit.rows.entry import Entry

BOILERPLATE = Rule(
    "boilerplate",
    "warn",
    "answers speak of being an AI model",
    "rewrite or drop them, unless the model should speak like this",
)
IMPOSSIBLE = Rule(
    "impossible-request",
    "info",
    "prompts need something that they do not contain (an image, a link, live data)",
    "add the missing part to the prompt, or keep the row only if its answer names the missing part",
)

_BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language model|language model|ai assistant)\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial intelligence|language model|large language model|chatbot)\b"
    r"|\b(?:my|of my) (?:knowledge cut-?off|training data)\b|\bi (?:was|am) (?:trained|developed|created) by openai\b"
    r"|\bi(?:'m| am) chatgpt\b",
    re.IGNORECASE,
)
_MODEL = r"(?:ai|a\.i\.|artificial intelligence|chat ?bots?|language models?|robots?|androids?|chatgpt|assistants?)"
_ROLE = re.compile(
    r"\b(?:act|acting|behave|pretend|imagine|suppose|play|playing|role|persona|perspective|point of view|voice"
    r"|character|dialogue|conversation|scene|script|story|monologue|interview)\b"
    rf"[^\n]{{0,80}}\b{_MODEL}\b|\b(?:are|were) you\b[^\n]{{0,40}}\b{_MODEL}\b"
    r"|\b(?:who|what) are you\b|\bwho (?:made|created|trained|developed) you\b",
    re.IGNORECASE,
)
"""Prompts that ask the model about itself or to play a model, so that the answer may speak of being a model."""

_SEEN = re.compile(
    r"\b(?:(?:attached|following|given|provided|above|this) (?:image|picture|photo(?:graph)?|video|audio|screenshot"
    r"|figure|chart|diagram|pdf|recording)|(?:image|picture|photo|video|screenshot|chart) (?:below|above|attached))\b",
    re.IGNORECASE,
)
_NOW = r"(?:today|now|right now|currently)"
_LIVE = re.compile(
    rf"\b(?:what(?:'s| is) the (?:weather|temperature|time|date) (?:{_NOW}|in \w+(?: \w+)? {_NOW})"
    r"|what time is it|what(?:'s| is) today'?s date|today'?s (?:weather|news|headlines)|latest (?:news|headlines)"
    r"|(?:current|live|latest) (?:stock|share) price|current (?:weather|exchange rate|temperature in))\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://\S+|\bwww\.\S+\.\S+")
_READS = re.compile(
    r"\b(?:summari[sz]e|read|visit|open|analy[sz]e|review|watch|translate|check out|go to)\b", re.IGNORECASE
)


def _boilerplate(entry: Entry) -> str | None:
    match = _BOILERPLATE.search(entry.answer)
    return snippet(entry.answer, match) if match and not _ROLE.search(entry.prompt) else None


def _impossible(entry: Entry) -> str | None:
    prompt = entry.prompt
    match = _SEEN.search(prompt) or _LIVE.search(prompt)
    if match is None and len(prompt) < 400 and (link := _LINK.search(prompt)) and _READS.search(prompt[: link.start()]):
        match = link
    return snippet(prompt, match) if match else None


CHECKS = (RowCheck(BOILERPLATE, _boilerplate), RowCheck(IMPOSSIBLE, _impossible))
