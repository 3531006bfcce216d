"""The fenced blocks of an answer, read as Markdown (CommonMark) has them."""

import re
import textwrap
from functools import cache
from typing import TYPE_CHECKING

from posttrain.rewards.sandbox.solution import Block

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

CHARACTERS, LINES = 1_000_000, 50_000
"""How much of an answer is read; of a longer one, the end."""

NESTING = 10
"""Lists within each other that are read."""

WITHIN = 2
"""Times that a block of indented text is read for fences of its own: in lists, models indent by more than Markdown."""

LANGUAGE = re.compile(r"[a-z]+")
RULES = ("code", "fence", "heading", "hr", "list", "paragraph")
"""Without block quotes: with that rule the time grows with the square of the text."""


def read_blocks(text: str, within: int = WITHIN) -> tuple[Block, ...]:
    """The fenced blocks of a text, in order. A block that is never closed ends with the text.

    The language is the first word of the info string in small letters, without a version (``python3.11``: ``python``).
    A fence within a block quote (``> ``) is not read. Takes time in proportion to the text, whatever it holds.
    """
    text = text[-CHARACTERS:]
    if text.count("\n") > LINES:
        text = "\n".join(text.split("\n")[-LINES:])
    if "```" not in text and "~~~" not in text:
        return ()
    found: list[Block] = []
    for token in _reader().parse(text):
        if token.type == "fence":
            language = LANGUAGE.search(token.info.lower())
            found.append(Block(language[0] if language else "", _at_the_margin(token.content)))
        elif token.type == "code_block" and within:
            found += read_blocks(token.content, within - 1)
    return tuple(found)


def _at_the_margin(text: str) -> str:
    """Without the indent that all of the lines have, if the first has one."""
    return textwrap.dedent(text) if text[:1].isspace() else text


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"maxNesting": NESTING})
    reader.core.ruler.enableOnly(["normalize", "block"])
    reader.block.ruler.enableOnly(RULES)
    return reader
