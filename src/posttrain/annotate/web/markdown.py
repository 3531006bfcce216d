"""Markdown of models and users as safe HTML: without raw HTML and images, and with links that show their target.

People compare texts, so texts that differ must look different. CommonMark hides some characters that answers have for
other reasons; these stay visible: the ones of `literal`, line ends, entities, and lines that only define a link.
"""

from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt

from posttrain.annotate.web.literal import add_literals

MAX_CHARACTERS = 20_000
"""The longest text that is rendered; longer texts are displayed as plain text."""

MAX_BRACKETS = 2_000
"""The most "[" in a text. Each may begin a link that ends anywhere, so the time grows with their number squared."""

MAX_CELLS = 8_000
"""The most cells of a table that is as wide as the widest line and as long as the text."""


@lru_cache(maxsize=128)
def render_markdown(text: str) -> str | None:
    """The text as safe HTML; None if rendering would take long."""
    lines = text.splitlines()
    cells = len(lines) * max((line.count("|") for line in lines), default=0)
    if len(text) > MAX_CHARACTERS or text.count("[") > MAX_BRACKETS or cells > MAX_CELLS:
        return None
    return _reader().render(text)


@cache
def _reader() -> Any:
    """CommonMark with tables. Raw HTML is displayed as text, images are not loaded, links are http(s) or mailto."""
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    reader.enable(["table", "strikethrough"])
    reader.disable(["image", "html_block", "html_inline", "entity", "reference"])
    add_literals(reader)
    reader.core.ruler.push("direction", _direction)
    reader.validateLink = lambda url: url.strip().lower().startswith(("http://", "https://", "mailto:"))  # pyright: ignore
    reader.add_render_rule("link_open", _link)
    return reader


def _direction(state: Any) -> None:
    """Each outermost block gets the direction of its script; the style sheet handles its parts.

    A part with its own `dir` would not count for the direction of its block: a list would always be left to right.
    """
    for token in state.tokens:
        if token.nesting == 1 and token.level == 0:
            token.attrSet("dir", "auto")


def _link(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrSet("rel", "noopener noreferrer nofollow")
    token.attrSet("target", "_blank")
    if tokens[index + 1].content != token.attrGet("href"):
        token.attrSet("class", "named")  # the style sheet displays the target
    return self.renderToken(tokens, index, options, env)
