"""Markdown rules that keep literal text: formulas, names in code, indents and list numbers.

Answers often have such text without any Markdown in mind. Each rule keeps characters that CommonMark would hide, so
that answers that differ look different.
"""

import re
from typing import Any

from markdown_it.common.utils import escapeHtml
from markdown_it.rules_block.table import escapedSplit, getLine, table

_DUNDER = re.compile(r"__(?:[a-z\d]+(?:_[a-z\d]+)*|[A-Z\d]+(?:_[A-Z\d]+)*)__(?!\w)")
"""``__init__`` or ``__FILE__``, which CommonMark renders as a bold word."""

_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}

_DOLLARS = re.compile(r"\$(?!\s)(?:(?!\*\*)[^$`\n])+(?<![\s\\])\$(?!\d)")
"""``$...$`` by pandoc's rule, which separates formulas from sums of money; it has no bold text or code inside."""

_INDENT = re.compile(r"^[ \t]+")
_SPACES = re.compile(r"[ \t]{2,}|\t")


def add_literals(reader: Any) -> None:
    """Add the rules to a `MarkdownIt` parser."""
    reader.inline.ruler.before("escape", "formula", _formula)
    reader.inline.ruler.before("emphasis", "star", _star)
    reader.inline.ruler.before("emphasis", "dunder", _dunder)
    reader.inline.ruler.at("newline", _newline)
    reader.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    reader.core.ruler.push("numbers", _numbers)
    reader.add_render_rule("text", _text)


def _formula(state: Any, silent: bool) -> bool:
    r"""``\(...\)``, ``\[...\]``, ``$$...$$`` and ``$...$`` stay as they are written, and so does a single bracket."""
    opening = state.src[state.pos : state.pos + 2]
    end = state.pos + 2
    if opening in _CLOSING:
        closing = state.src.find(_CLOSING[opening], end, state.posMax)
        end = closing + 2 if closing >= 0 else end
    elif opening not in _CLOSING.values():
        dollars = _DOLLARS.match(state.src, state.pos, state.posMax)
        if dollars is None:
            return False
        end = dollars.end()
    return _take(state, end, silent)


def _star(state: Any, silent: bool) -> bool:
    """Stars between ASCII letters or digits, as in ``2**3**2``, are no emphasis.

    Between other letters they may be emphasis, since some scripts have no spaces.
    """
    if silent or state.src[state.pos] != "*":
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == "*":
        end += 1
    around = (state.src[state.pos - 1 : state.pos], state.src[end : end + 1])
    return all(character.isascii() and character.isalnum() for character in around) and _take(state, end, silent)


def _dunder(state: Any, silent: bool) -> bool:
    """``__init__`` is a name in code, unless it is part of a longer word."""
    name = _DUNDER.match(state.src, state.pos, state.posMax)
    return name is not None and _take(state, name.end(), silent)


def _newline(state: Any, silent: bool) -> bool:
    """A line end, with the spaces at the start of the next line, which CommonMark drops."""
    if state.src[state.pos] != "\n":
        return False
    if not silent:
        state.pending = state.pending.rstrip(" ")
        state.push("softbreak", "br", 0)
    state.pos += 1
    return True


def _table(state: Any, start: int, end: int, silent: bool) -> bool:
    """A table. If a row has more cells than the header, they would be lost; then all tables are displayed as text."""
    before, line = len(state.tokens), state.line
    if state.env.get("wide") or not table(state, start, end, silent):
        return False
    if silent or not any(_cells(state, row.map[0]) > _cells(state, start) for row in _rows(state.tokens[before:])):
        return True
    del state.tokens[before:]
    state.line, state.env["wide"] = line, True
    return False


def _rows(tokens: list[Any]) -> list[Any]:
    return [token for token in tokens if token.type == "tr_open"]


def _cells(state: Any, line: int) -> int:
    cells = escapedSplit(getLine(state, line).strip())
    return len(cells) - (cells[:1] == [""]) - (cells[1:] != [] and cells[-1] == "")


def _numbers(state: Any) -> None:
    """List items keep the numbers of the text; CommonMark counts on from the first."""
    for token in state.tokens:
        if token.type == "list_item_open" and token.info:
            token.attrSet("value", token.info)


def _text(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    """A text with its indent and runs of spaces, which HTML would collapse."""
    kept, text = r'<span class="spaces">\g<0></span>', escapeHtml(tokens[index].content)
    begins = index and tokens[index - 1].type in ("softbreak", "hardbreak")
    if begins and (indent := _INDENT.match(text)):
        return indent.expand(kept) + _SPACES.sub(kept, text[indent.end() :])
    return _SPACES.sub(kept, text)


def _take(state: Any, end: int, silent: bool) -> bool:
    """Take the characters up to `end` as they are written."""
    if not silent:
        for number, line in enumerate(state.src[state.pos : end].split("\n")):
            if number:
                state.push("softbreak", "br", 0)
            state.push("text", "", 0).content = line
    state.pos = end
    return True
