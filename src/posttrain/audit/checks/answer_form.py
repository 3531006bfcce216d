"""The form of an answer: what kind of text it is, which keys or headings it has, and how it ends."""

import json
import re
import zlib
from collections.abc import Iterable

FORMS = ("none", "prose", "JSON", "broken JSON", "code block", "headings", "list", "label")
"""An answer's form, by its index."""

ENDINGS = ("none", "closed", "open", "short")
"""closed: with a full stop or the like; open: in the middle of a sentence after others; short: needs no full stop."""

_LIST = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_KEY = re.compile(r"""^[\[{\s]*["']\w+["']\s*:""")
_HEADING = re.compile(r"^#+(.*)$", re.MULTILINE)
_LONG = 60
"""Characters of a last line from which on it is expected to end like a sentence; shorter ones may be list items."""

_SENTENCES = re.compile(r"[a-z)\"'”’][.!?][\"'”’)]*\s+[\"'“‘(]?[A-Z0-9]\S*\s")
"""Where one sentence ends and the next begins."""

_LAST_WORD = re.compile(r"(?:^|\s)[\"'“‘(]?(?:[a-z]+[-’'])*[a-z]+[,;]?$|[,;–(]$")
"""An ordinary word, or a sign after which a sentence goes on: no hashtag, name, number, address or code."""

_LABEL = 30
"""Characters of a label."""

_IN_CODE = re.compile(r"[{};=<>#@]|https?:|www\.")
_REMARK = re.compile(r"\s*\([^()]*\)$")
_QUANTITY = re.compile(r"[-+−$€£¥]?\d[\d.,]*%?(?: [^\W\d]+){0,4}")


def form_of(answer: str) -> tuple[int, int]:
    """Index in `FORMS`, and a number for the keys of JSON or for the headings; 0 for other forms."""
    said = answer.strip()
    if not said:
        return 0, 0
    if said[0] in "{[" and said[-1] in "}]":
        try:
            value = json.loads(said)
            return 2, _number(sorted(value)) if isinstance(value, dict) else 1
        except (ValueError, RecursionError):
            pass
    if said[0] in "{[" and _KEY.search(said[:200]):
        return 3, 0
    if said.startswith("```"):
        return 4, 0
    if said[0] == "#":
        return 5, _number(match[1].strip().lower() for match in _HEADING.finditer(said))
    if _LIST.match(said):
        return 6, 0
    return 7 if _is_label(said) else 1, 0


def _is_label(said: str) -> bool:
    """A name or a quantity, perhaps with a remark in brackets: "mild", "12 (inches of snow)"."""
    said = _REMARK.sub("", said) if len(said) <= 2 * _LABEL else said
    short = len(said) <= _LABEL and said.count(" ") < 3 and said[-1:] not in ".!?"
    return bool(said) and (short or (len(said) <= _LABEL and _QUANTITY.fullmatch(said) is not None))


def ending_of(answer: str) -> int:
    """Index in `ENDINGS`."""
    said = answer.rstrip()
    if not said:
        return 0
    line = said[said.rfind("\n") + 1 :]
    if len(line) < _LONG or _LIST.match(line) or "|" in line:
        return 3
    if not (said[-1].isalnum() or said[-1] in ",;-–("):
        return 1
    fragment = line[max((match.start() + 2 for match in _SENTENCES.finditer(line)), default=0) :]
    return 2 if len(fragment) < len(line) and _LAST_WORD.search(line) and not _IN_CODE.search(fragment) else 3


def _number(words: Iterable[object]) -> int:
    return zlib.crc32("\0".join(map(str, words)).encode("utf-8", "surrogatepass"))
