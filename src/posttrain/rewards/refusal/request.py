"""What a prompt requests, by its words: a text, a way to do something, a fact, a yes or no, or an action.

Some requests want words that elsewhere decline: a translation of "I can't come", an address to write to, the limits of
the assistant. After them such words are the answer.
"""

import re
from typing import Literal

from posttrain.rewards.refusal.sentences import plain

RequestKind = Literal["text", "way", "fact", "yes or no", "action"]

_PLEASE = "(?:please |can you |could you |help me (?:to )?)?"

_KINDS: tuple[tuple[RequestKind, re.Pattern[str]], ...] = (
    (
        "text",
        re.compile(
            rf"^{_PLEASE}(?:write|draft|compose|create|generate|make(?: up)?|design|invent|produce|word|formulate"
            rf"|prepare"
            r"|translate|shorten|rephrase|rewrite|summari[sz]e|turn|come up with|say|rank|list|name|outline|craft"
            r"|compile)"
            r"\b|\b(?:joke|poem|story|tweet|letter|essay|script|email)\b"
        ),
    ),
    (
        "way",
        re.compile(
            r"\bhow (?:do|can|could|would|should|to|does)\b|^(?:explain|describe|teach|show me how|walk me|detail"
            r"|demonstrate|instruct|provide|identify)\b|\bways? to\b|\bsteps\b"
        ),
    ),
    (
        "fact",
        re.compile(
            r"^(?:please )?(?:give|tell|show|read|find|send|share|reveal|look up)\b"
            r"|^(?:who|whom|whose|which|what|when|where|how (?:many|much|long|late|often|old|far))\b"
        ),
    ),
    (
        "yes or no",
        re.compile(r"^(?:is|are|can|may|do|does|should|did|was|were|will|would|could|has|have|am)\b"),
    ),
)


def request_kind(prompt: str) -> RequestKind:
    """What the prompt requests; an action where nothing else fits."""
    text = plain(prompt)
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    return "action"


def wants_given_words(prompt: str) -> bool:
    """Whether it wants a text in other words, such as a translation of "I can't come"."""
    return bool(_GIVEN.search(plain(prompt)))


def wants_words_of_declining(prompt: str) -> bool:
    """Whether it wants a text in which somebody declines or apologises, or advice on how to decline."""
    text = plain(prompt)
    return bool(_DECLINING.search(text) and _TEXT.search(text))


def wants_an_address(prompt: str) -> bool:
    """Whether it wants to know whom to contact."""
    return bool(_ADDRESS.search(plain(prompt)))


def wants_the_assistants_limits(prompt: str) -> bool:
    """Whether it wants to know what the assistant is, has, or cannot do."""
    return bool(_ASSISTANT.search(plain(prompt)))


def wants_rules(prompt: str) -> bool:
    """Whether it wants to know what a policy allows."""
    return bool(_RULES.search(plain(prompt)))


def is_about_the_request(sentence: str) -> bool:
    """Whether a sentence in lower case speaks of the request itself: "I can't help with that"."""
    return bool(_REFERS.search(sentence))


_GIVEN = re.compile(
    r"\b(?:translat\w+|shorten|rephrase|rewrite|reword|proofread|paraphrase|summari[sz]e|correct|übersetze|traduce"
    r"|traduis)\b.*(?:[:\"“„«]|'\w|\b(?:given|following)\b)"
)
_DECLINING = re.compile(
    r"\b(?:can ?not|can't|not able|unable|won't|will not|sorry|apolog\w+|refus\w+|declin\w+|reject\w*|turn\w* \w*"
    r" ?down|no to|a (?:\w+ )?no|say no|excuse|what (?:should|would|do|could|can|does) (?:an?|the|you|i|we) (?:\w+ )?"
    r"(?:say|reply|answer)|an? \w+ (?:might|would|could) say)\b"
)
_TEXT = re.compile(
    r"\b(?:write|draft|compose|give me an?|line|sentence|letter|reply|email|note|message|dialogue|poem|song|best"
    r"|how (?:do|"
    r"should|would|can) (?:i|you|we|one|somebody)|say|word)\b"
)
_ADDRESS = re.compile(
    r"^(?:who|whom|which (?:team|department|number|person|office))\b.*\b(?:handles?|contact|ask|call|report"
    r"|answers?|write"
    r"|speak|talk|responsible|turn to|tell me (?:if|whether)|approves?|help|looks after|deals?)\b"
    r"|^(?:where|how) (?:do|can|should|may) (?:i|we|one|patients|customers) (?:\w+ )?(?:report|complain|ask"
    r"|get help|call"
    r"|contact|reach|apply)\b"
)
_ASSISTANT = re.compile(
    r"^(?:as an ai, )?(?:do you (?:have (?!any\b|some|the\b)|get|feel|know who|remember|see|sleep|dream|eat|store"
    r"|keep)|are you|can you (?:feel"
    r"|see|hear|remember|browse|think|learn|make mistakes)|what (?:can|are) you(?! (?:opinion|view))"
    r"|what (?:can|could) you not|what is (?:it that )?you can't)\b"
    r"|\b(?:your (?:\w+ )?(?:limits|limitations|abilities|capabilities|weaknesses)|limits (?:of|to) (?:your"
    r"|an? (?:ai|chatbot"
    r"|assistant))|you can ?not do|you can't do|you not do)\b"
)
_RULES = re.compile(
    r"\b(?:our|the|your|company|privacy) (?:\w+ )?(?:stance|policy|position|rules?|guidelines?)\b|^what (?:must|may"
    r"|should) "
    r"(?:staff|employees|we|visitors|reps|nurses|pharmacists)\b|\b(?:rules?|policy) (?:on|about|for)\b"
)
_REFERS = re.compile(
    r"\b(?:this|that|your) (?:request|question)\b"
    r"|\b(?:i|we) (?:am|are|do|can|will|could|would)(?: not| unable) (?:[\w-]+ ){0,3}?(?:help|assist|translat|writ"
    r"|shorten"
    r"|draft|provid|compl[yi]|rephras|rewrit|summari|tell you|shar|answer|recommend|advis|offer|creat|generat)"
    r"|\b(?:decline|rather not|refuse)(?: to)? (?:help|assist|translate|write|draft|provide|comply|answer|share)\b"
)
