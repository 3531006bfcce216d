"""How an answer relates to its request: it speaks about the thing requested, or points to somebody else for it."""

import re
from collections.abc import Sequence

_OPENING = r"^(?:please |can you |could you |will you |i want you to |help me (?:to )?|just |now )*"
_TEXTS = (
    "letter|email|mail|message|note|poem|limerick|song|story|tale|essay|article|review|speech|list|joke|ad|tweet"
    "|post|script|code|text|report|contract|statement|summary|plan|quote|quotes|recipe|name|names|number|address"
    "|password|picture|photo|logo|card|certificate|comment|eulogy|profile|scene|prayer|minutes|results?|salary"
)

_PATTERNS = {
    "somebody else can": r"\b(?:an?|the|your|our|their|its) [\w' -]{2,30}? (?:can|could|will|would|may|has|have|knows?"
    r"|decides?|tells?|explains?|handles?|keeps?|runs?|answers?|publishes|offers?|is the (?:one|person|place|right))\b",
    "only somebody": r"\b(?:only|job of|up to|left to|belongs? (?:to|with|in)|sits? with|reserved for|for (?:members"
    r"|staff|the \w+) (?:only|to)|but (?:hr|the|their|your|its))\b",
    "offer": r"\b(?:shall (?:i|we)|would you (?:like|prefer)|want me to|how about|what about|care for|let's|let us"
    r"|i could|i'd gladly|gladly|happy to|glad to|instead|rather|if you'd like|if you like|perhaps)\b",
    "would": r"\b(?:would|could|ought|should|must|may)\b",
    "a thing like that": r"\b(?:like (?:that|this|those|these)|of (?:that|this|the) (?:kind|sort)|such an?|such \w+s\b"
    r"|(?:that|this|those|these) (?:kind|sort|is|are|would|isn't|was|one|has|needs|sounds))\b",
    "none": r"\b(?:no|none|nobody|nothing|never|without|neither|nor|isn't|aren't|can't|won't|don't|doesn't|not|beyond"
    r"|outside|lack|off)\b",
    "harm": r"\b(?:crime|criminal|illegal|fraud|burglary|forgery|felony|theft|assault|abuse|cruel\w*|libel|perjury"
    r"|racis\w+|harm\w*|hurt\w*|danger\w*|risk\w*|insult\w*|mislead\w*|deceiv\w*|betray\w*|breach\w*|breaks?|ruin\w*|victims?"
    r"|punish\w*|prison|court|law|lawful|unfair|reckless|wrong|kills?|cheat\w*|trust|consent|respect)\b",
    "help for you": r"\b(?:help|support|someone|listen|talk|call|phone|ring|contact|see|ask|turn|reach|guide|advise"
    r"|refer|put you through|go over|look at)\b",
}
_RELATIONS = {name: re.compile(pattern) for name, pattern in _PATTERNS.items()}
_VERB = re.compile(_OPENING + r"([a-z]{3,})")
_TEXT = re.compile(rf"\b(?:{_TEXTS})\b")
_WORD = re.compile(r"[a-z']+")
_ENDING = re.compile(r"(?:'s|ing|ery|ed|es|s|e|y)$")
PREFIX = 5
"""Letters by which two words are of one stem."""


def relations(sentences: Sequence[str], prompt: str) -> dict[str, float]:
    """Values by name; an absent one is 0.

    Args:
        sentences: the answer's own first sentences in lower case.
        prompt: the request.
    """
    low = prompt.casefold()
    wanted = {word[:PREFIX] for word in _WORD.findall(low) if len(word) > PREFIX - 1}
    values: dict[str, float] = {}
    for place, part in (("first", sentences[:1]), ("rest", sentences[1:4])):
        words = [word for sentence in part for word in _WORD.findall(sentence)]
        for name, pattern in _RELATIONS.items():
            values[f"{place} {name}"] = float(any(map(pattern.search, part)))
        named = set(_TEXT.findall(low)) & set(_TEXT.findall(" ".join(part)))
        values[f"{place} names the text"] = float(bool(named))
        values[f"{place} words of the request"] = min(4, len(wanted & {word[:PREFIX] for word in words})) / 2
        values[f"{place} any"] = float(bool(part))
    verb = _VERB.match(low)
    stem = _ENDING.sub("", verb[1]) if verb else ""
    first = _WORD.findall(sentences[0]) if sentences else []
    values["verb of the request"] = float(len(stem) > 2 and any(word.startswith(stem) for word in first))
    values["starts with a word of the request"] = float(any(word[:PREFIX] in wanted for word in first[:2]))
    return {name: value for name, value in values.items() if value}
