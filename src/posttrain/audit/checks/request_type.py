"""The request of a prompt in a few words, such as "write a story about" or "how many", without its topic.

Topics (names, numbers, things) make a thousand variations of one task look diverse, so they are left out. The request
words are the verb of the request and the words after it, or the first words of the question.
"""

import re

_WORD = re.compile(r"[a-z]+|0")
_NUMBER = re.compile(r"\d[\d.,]*")
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_READ = 4000
"""The number of characters that are read from each end of a prompt: the request is before or after its material."""

TYPES = {
    "writing": "write compose create draft craft invent imagine formulate tell",
    "rewriting": "rewrite edit rephrase paraphrase correct fix change modify improve simplify replace reword",
    "summarising": "summarize summarise shorten condense abstract outline",
    "extraction": "extract find identify list select pick locate highlight underline name",
    "classification": "classify categorize categorise label detect decide determine predict sort rate assign group",
    "translation": "translate convert transform transliterate",
    "explanation": "explain describe define what why who where when which discuss",
    "brainstorming": "brainstorm suggest propose generate recommend come think give provide",
    "calculation": "calculate compute solve evaluate how estimate count add simplify",
    "code": "code program implement debug function script algorithm query sql python",
    "planning": "plan organize organise schedule arrange design develop prepare steps",
    "comparison": "compare contrast differentiate distinguish match rank",
}
"""A reference list of task types, each with the words that request it."""

_VERBS = frozenset(word for words in TYPES.values() for word in words.split()) | frozenset(
    [
        "make",
        "act",
        "answer",
        "ask",
        "analyze",
        "analyse",
        "arrange",
        "build",
        "choose",
        "complete",
        "combine",
        "edit",
        "fill",
        "form",
        "given",
        "take",
        "make",
        "use",
        "turn",
        "produce",
        "research",
        "reverse",
        "role",
        "show",
        "present",
        "read",
        "infer",
        "check",
        "order",
        "respond",
        "state",
        "construct",
        "remove",
        "reorder",
    ]
)
_QUESTION = frozenset(["what", "how", "why", "when", "where", "who", "which", "whose", "whom"])
_AUXILIARY = frozenset(
    ["is", "are", "do", "does", "did", "can", "could", "should", "would", "will", "was", "were", "has", "have"]
)


def request_of(prompt: str) -> str:
    """The request of a prompt: the first sentence that starts with a request verb, else the last question."""
    text = prompt if len(prompt) <= 2 * _READ else prompt[:_READ] + "\n" + prompt[-_READ:]
    sentences = [s for s in _SENTENCE.split(text.strip()) if s.strip()]
    for sentence in sentences:
        start = _WORD.search(sentence.lower())
        if start is not None and start[0] in _VERBS and start[0] not in _QUESTION:
            return sentence
    questions = [s for s in sentences if s.rstrip().endswith("?")]
    return questions[-1] if questions else (sentences[0] if sentences else prompt)


def asking(prompt: str) -> tuple[str, ...]:
    """The request words of a prompt: four words from the verb on, or two from the question word on."""
    sentence = request_of(prompt)
    words = _WORD.findall(_NAME.sub("name", _NUMBER.sub("0", sentence)).lower())
    at = next((i for i, word in enumerate(words) if word in _VERBS or word in _QUESTION or word in _AUXILIARY), 0)
    if words[at : at + 1] and (words[at] in _QUESTION or words[at] in _AUXILIARY):
        at = next((i for i, word in enumerate(words) if word in _QUESTION), at)
        return tuple(words[at : at + 2])
    return tuple(words[at : at + 4])


def types_of(words: tuple[str, ...]) -> set[str]:
    """The task types of the reference list that the request words belong to."""
    return {name for name, type_words in _TYPE_WORDS.items() if type_words & set(words)}


_TYPE_WORDS = {name: frozenset(words.split()) for name, words in TYPES.items()}
