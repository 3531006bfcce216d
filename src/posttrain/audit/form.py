"""The form of an answer: what kind of text it is, and how it ends. By its first and last characters alone."""

import json
import re

FORMS = ("none", "prose", "JSON", "broken JSON", "code block", "headings", "list", "label")
"""An answer's form, by its index."""

ENDINGS = ("none", "closed", "open", "short")
"""closed: with a full stop or the like; open: in the middle of a text; short: too short to need one."""

_LIST = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_KEY = re.compile(r"""^[\[{\s]*["']\w+["']\s*:""")
_LONG = 60
"""Characters of a last line from which on it is expected to end like a sentence; shorter ones may be list items."""


def form_of(answer: str) -> int:
    """Index in `FORMS`."""
    said = answer.strip()
    if not said:
        return 0
    if said[0] in "{[" and said[-1] in "}]" and _is_json(said):
        return 2
    if said[0] in "{[" and _KEY.search(said[:200]):
        return 3
    if said.startswith("```"):
        return 4
    if said[0] == "#":
        return 5
    if _LIST.match(said):
        return 6
    return 7 if len(said) <= 30 and said.count(" ") < 3 and said[-1] not in ".!?" else 1


def ending_of(answer: str) -> int:
    """Index in `ENDINGS`."""
    said = answer.rstrip()
    if not said:
        return 0
    line = said[said.rfind("\n") + 1 :]
    if len(line) < _LONG or _LIST.match(line) or "|" in line:
        return 3
    return 2 if said[-1].isalnum() or said[-1] in ",;-–(" else 1


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
