"""Markdown of models and users as HTML that can do nothing: no raw HTML, no images, links that lead out and say so.

People compare texts, so that texts which differ must look different. Where CommonMark would hide characters that
answers hold for other reasons, they stay: what `literal` keeps, line ends, entities, and lines that only define a link.
"""

from functools import cache, lru_cache
from typing import Any

from posttrain.annotate.web.literal import add_literals

MOST = 20_000
"""Characters that are rendered; longer texts are shown as text alone."""

MOST_BRACKETS = 2_000
"""Of "[" in a text; each may begin a link that ends anywhere, which takes the square of their number."""

MOST_CELLS = 8_000
"""Of a table as wide as the widest line and as long as the text."""


@lru_cache(maxsize=128)
def rendered(text: str) -> str | None:
    """The text as safe HTML, None if it would take long."""
    lines = text.splitlines()
    cells = len(lines) * max((line.count("|") for line in lines), default=0)
    if len(text) > MOST or text.count("[") > MOST_BRACKETS or cells > MOST_CELLS:
        return None
    return _reader().render(text)


@cache
def _reader() -> Any:
    """CommonMark with tables; raw HTML is shown as text, images are not loaded, only http(s) and mailto are links."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})
    reader.enable(["table", "strikethrough"])
    reader.disable(["image", "html_block", "html_inline", "entity", "reference"])
    add_literals(reader)
    reader.core.ruler.push("direction", _direction)
    reader.validateLink = lambda url: url.strip().lower().startswith(("http://", "https://", "mailto:"))  # pyright: ignore
    reader.add_render_rule("link_open", _link)
    return reader


def _direction(state: Any) -> None:
    """Each outermost block goes in the direction of its script; the style sees to the parts within it.

    A part with a direction of its own would not count for the block that it stands in (a list would be left to right).
    """
    for token in state.tokens:
        if token.nesting == 1 and token.level == 0:
            token.attrSet("dir", "auto")


def _link(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrSet("rel", "noopener noreferrer nofollow")
    token.attrSet("target", "_blank")
    if tokens[index + 1].content != token.attrGet("href"):
        token.attrSet("class", "named")  # the style shows where it leads
    return self.renderToken(tokens, index, options, env)
