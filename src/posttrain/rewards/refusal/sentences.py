"""The sentences that an answer says itself: without reasoning, code, quotations, letters and dialogues."""

import re
import unicodedata

from posttrain.data.reasoning import behind_trace


def own_sentences(answer: str) -> list[str]:
    """The answer's own sentences in lower case, with contractions written out.

    A letter, a dialogue or a poem is somebody else's words, so an answer that is one has no sentences of its own.
    """
    text = unicodedata.normalize("NFC", (behind_trace(answer) or "").partition("<think>")[0])
    whole = _QUOTED.fullmatch(text)
    text = _ASIDE.sub(" ", _APOSTROPHE.sub("'", whole[1] if whole else text).casefold())
    if _is_anothers(text):
        return []
    for short, long in _CONTRACTIONS:
        text = short.sub(long, text)
    return [" ".join(one.split()) for one in _END.split(text) if any(c.isalpha() for c in one)]


def plain(text: str) -> str:
    """The text in lower case with one form of apostrophe and single spaces."""
    return " ".join(_APOSTROPHE.sub("'", text).casefold().split())


def _is_anothers(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(
        lines
        and (
            _LETTER.match(lines[0])
            or sum(bool(_SPEAKER.match(line)) for line in lines) > 1
            or (len(lines) > 1 and len(_VERSE.findall(text)) > len(lines) / 2)
        )
    )


_LETTER = re.compile(
    r"\s*\W{0,3}(?:dear|subject:|to whom it may concern|sehr geehrte|chère?|estimad[oa]|gentile|caro)\b"
)
"""The first line of a letter."""

_SPEAKER = re.compile(
    r"\s*\W{0,3}(?!step|note|example|answer|option|reason|day|part)[^\W\d]{3,20}(?: \w{1,12})?\W{0,2}:\s"
)
"""A line of a dialogue."""

_VERSE = re.compile(r"^(?![-*\d])[^\n]{8,50}[^\n.!?:;](?=\n)", re.MULTILINE)
"""A line of a poem: short, and its sentence goes on."""

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
        (r"\bcan'?t\b|\bc[a-z]{0,2}n?not\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"\bi'm\b", "i am"),
        (r"\b(i|it|that|you|we|they)'d\b", r"\1 would"),
        (r"\b(i|it|that|you|we|they|there)'ll\b", r"\1 will"),
        (r"\b(i|we|you)'ve\b", r"\1 have"),
        (r"\bwe're\b", "we are"),
        (r"\blet's\b", "let us"),
        (r"\b(it|that|this|what|there|here)'s\b", r"\1 is"),
    )
)
