"""Read the fenced blocks of an answer by the rules of Markdown (CommonMark)."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from posttrain.rewards.sandbox.solution import Block

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

CHARACTERS, LINES = 1_000_000, 50_000
"""Size of the part that is read: the end of a longer answer."""

NESTING = 10
"""Depth of nested lists that are read."""

WITHIN = 2
"""Depth to which indented or quoted text is read for further fences: in lists, models indent more than Markdown."""

LANGUAGE = re.compile(r"[a-z]+")
RULES = ("code", "fence", "heading", "hr", "list", "paragraph")
"""The rules of the parser. `_quotes` reads block quotes, since the parser's time on them is quadratic in the text."""

QUOTE = re.compile(r" {0,3}> ?")
"""The mark of a quoted line."""


def read_blocks(text: str, within: int = WITHIN) -> tuple[Block, ...]:
    """The fenced blocks of a text, in order. A block that is never closed ends with the text.

    The language is the first word of the info string in lower case, without a version (``python3.11``: ``python``).
    The time is linear in the length of any text.
    """
    text = text[-CHARACTERS:].replace("\r\n", "\n")
    lines = text.split("\n")[-LINES:]
    if "```" not in text and "~~~" not in text:
        return ()
    placed: list[tuple[int, tuple[Block, ...]]] = []
    fenced = bytearray(len(lines))
    for token in _reader().parse("\n".join(lines)):
        first, last = token.map or (0, 0)
        if token.type == "fence":
            language = LANGUAGE.search(token.info.lower())
            placed.append((first, (Block(language[0] if language else "", _dedent_code(token.content)),)))
            fenced[first:last] = b"\1" * (last - first)
        elif token.type == "code_block" and within:
            placed.append((first, read_blocks(token.content, within - 1)))
    if within:
        placed += [(first, read_blocks(quote, within - 1)) for first, quote in _quotes(lines, fenced)]
    return tuple(block for _, blocks in sorted(placed, key=lambda entry: entry[0]) for block in blocks)


def _quotes(lines: Sequence[str], fenced: Sequence[int]) -> Iterator[tuple[int, str]]:
    """(first line, text without its marks) of each run of quoted lines outside of fenced blocks."""
    numbered = enumerate(lines)
    for quoted, run in groupby(numbered, key=lambda pair: not fenced[pair[0]] and QUOTE.match(pair[1]) is not None):
        if quoted:
            pairs = list(run)
            yield pairs[0][0], "\n".join(QUOTE.sub("", line, count=1) for _, line in pairs)


def _dedent_code(text: str) -> str:
    """Remove the common indent of the lines, if the first line has one."""
    return textwrap.dedent(text) if text[:1].isspace() else text


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"maxNesting": NESTING})
    reader.core.ruler.enableOnly(["normalize", "block"])
    reader.block.ruler.enableOnly(RULES)
    return reader
