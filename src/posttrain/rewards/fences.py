"""The fenced blocks of an answer, read as Markdown (CommonMark) has them."""

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
"""How much of an answer is read; of a longer one, the end."""

NESTING = 10
"""Lists within each other that are read."""

WITHIN = 2
"""Times that indented or quoted text is read for fences of its own: in lists, models indent by more than Markdown."""

LANGUAGE = re.compile(r"[a-z]+")
RULES = ("code", "fence", "heading", "hr", "list", "paragraph")
"""Without block quotes, with which the time grows with the square of the text; `_quotes` reads them."""

QUOTE = re.compile(r" {0,3}> ?")
"""The mark of a quoted line."""


def read_blocks(text: str, within: int = WITHIN) -> tuple[Block, ...]:
    """The fenced blocks of a text, in order. A block that is never closed ends with the text.

    The language is the first word of the info string in small letters, without a version (``python3.11``: ``python``).
    Takes time in proportion to the text, whatever it holds.
    """
    text = text[-CHARACTERS:].replace("\r\n", "\n")
    lines = text.split("\n")[-LINES:]
    if "```" not in text and "~~~" not in text:
        return ()
    found: list[tuple[int, tuple[Block, ...]]] = []
    fenced = bytearray(len(lines))
    for token in _reader().parse("\n".join(lines)):
        first, last = token.map or (0, 0)
        if token.type == "fence":
            language = LANGUAGE.search(token.info.lower())
            found.append((first, (Block(language[0] if language else "", _at_the_margin(token.content)),)))
            fenced[first:last] = b"\1" * (last - first)
        elif token.type == "code_block" and within:
            found.append((first, read_blocks(token.content, within - 1)))
    if within:
        found += [(first, read_blocks(quote, within - 1)) for first, quote in _quotes(lines, fenced)]
    return tuple(block for _, blocks in sorted(found, key=lambda one: one[0]) for block in blocks)


def _quotes(lines: Sequence[str], fenced: Sequence[int]) -> Iterator[tuple[int, str]]:
    """(first line, text without its marks) of each run of quoted lines outside of fences."""
    numbered = enumerate(lines)
    for quoted, run in groupby(numbered, key=lambda one: not fenced[one[0]] and QUOTE.match(one[1]) is not None):
        if quoted:
            (first, line), *rest = run
            yield first, "\n".join(QUOTE.sub("", one, count=1) for one in (line, *(text for _, text in rest)))


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
