"""The form of an answer: its kind of text, its keys or headings, and how it ends."""

import json
import re
import zlib
from collections.abc import Iterable

FORMS = ("none", "prose", "JSON", "broken JSON", "code block", "headings", "list", "label")
"""The forms of an answer; the table holds the index."""

ENDINGS = ("none", "closed", "open", "short")
"""The endings: "closed" with a full stop or similar, "open" within a later sentence, "short" needs no full stop."""

_LIST = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_KEY = re.compile(r"""^[\[{\s]*["']\w+["']\s*:""")
_HEADING = re.compile(r"^#+(.*)$", re.MULTILINE)
_LONG = 60
"""A last line of at least this many characters should end like a sentence; a shorter one may be a list item."""

_SENTENCES = re.compile(r"[a-z)\"'”’][.!?][\"'”’)]*\s+[\"'“‘(]?[A-Z0-9]\S*\s")
"""The border between two sentences."""

_LAST_WORD = re.compile(r"(?:^|\s)[\"'“‘(]?(?:[a-z]+[-’'])*[a-z]+[,;]?$|[,;–(]$")
"""An ordinary word, or a sign after which a sentence continues; no hashtag, name, number, address or code."""

_LABEL = 30
"""The most characters of a label."""

_IN_CODE = re.compile(r"[{};=<>#@]|https?:|www\.")
_REMARK = re.compile(r"\s*\([^()]*\)$")
_QUANTITY = re.compile(r"[-+−$€£¥]?\d[\d.,]*%?(?: [^\W\d]+){0,4}")


def form_of(answer: str) -> tuple[int, int]:
    """The index in `FORMS`, and a hash of the JSON keys or of the headings; 0 for other forms."""
    text = answer.strip()
    if not text:
        return 0, 0
    if text[0] in "{[" and text[-1] in "}]":
        try:
            value = json.loads(text)
            return 2, _number(sorted(value)) if isinstance(value, dict) else 1
        except (ValueError, RecursionError):
            pass
    if text[0] in "{[" and _KEY.search(text[:200]):
        return 3, 0
    if text.startswith("```"):
        return 4, 0
    if text[0] == "#":
        return 5, _number(match[1].strip().lower() for match in _HEADING.finditer(text))
    if _LIST.match(text):
        return 6, 0
    return 7 if _is_label(text) else 1, 0


def _is_label(text: str) -> bool:
    """Whether a text is a name or a quantity, perhaps with a remark in brackets: "mild", "12 (inches of snow)"."""
    text = _REMARK.sub("", text) if len(text) <= 2 * _LABEL else text
    short = len(text) <= _LABEL and text.count(" ") < 3 and text[-1:] not in ".!?"
    return bool(text) and (short or (len(text) <= _LABEL and _QUANTITY.fullmatch(text) is not None))


def ending_of(answer: str) -> int:
    """The index in `ENDINGS`."""
    text = answer.rstrip()
    if not text:
        return 0
    line = text[text.rfind("\n") + 1 :]
    if len(line) < _LONG or _LIST.match(line) or "|" in line:
        return 3
    if not (text[-1].isalnum() or text[-1] in ",;-–("):
        return 1
    fragment = line[max((match.start() + 2 for match in _SENTENCES.finditer(line)), default=0) :]
    return 2 if len(fragment) < len(line) and _LAST_WORD.search(line) and not _IN_CODE.search(fragment) else 3


def _number(words: Iterable[object]) -> int:
    return zlib.crc32("\0".join(map(str, words)).encode("utf-8", "surrogatepass"))
