"""The fenced code blocks of a Markdown text, read by the block rules of CommonMark (https://spec.commonmark.org)."""

import re
from functools import lru_cache
from typing import NamedTuple

from markdown_it import MarkdownIt


class Block(NamedTuple):
    """A fenced block: its language in lower case (empty where none is written), and its text without the fences."""

    language: str
    text: str


def fenced_blocks(text: str) -> list[Block]:
    """Every fenced block, in order; a fence without an end goes on to the end of its list item or of the text.

    A fence has three or more backticks or tildes. Its indent in a list is removed, line ends become ``\\n``, and only
    the first word behind the opening fence is the language: ``python title="a.py"``, ``{.python}`` and ``python:a.py``
    are all ``python``. A fence within a block quote (``> ``) is not read: with that rule the time would grow with the
    square of the text's length, and now it is linear.
    """
    return [Block(_language(token.info), token.content) for token in _reader().parse(text) if token.type == "fence"]


def _language(info: str) -> str:
    word = _WORD.search(info)
    return word[0].lower() if word else ""


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    """Only the rules that decide where a fence stands; text within lines is not read."""
    return MarkdownIt("zero").enable(["fence", "code", "list"]).disable(["inline", "text_join"])


_WORD = re.compile(r"[^\W_][\w+#.-]*")
