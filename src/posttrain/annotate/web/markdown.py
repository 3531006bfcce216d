"""Markdown of models and users as HTML that can do nothing: no raw HTML, no images, links that lead out and say so."""

from functools import cache
from typing import Any

MOST = 50_000
"""Characters that are rendered; longer texts are shown as text alone."""


def rendered(text: str) -> str | None:
    """The text as safe HTML, None if it is too long."""
    return None if len(text) > MOST else _reader().render(text)


@cache
def _reader() -> Any:
    """CommonMark with tables; raw HTML is shown as text, images are not loaded, only http(s) and mailto are links."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    reader.disable(["image", "html_block", "html_inline"])
    reader.validateLink = lambda url: url.strip().lower().startswith(("http://", "https://", "mailto:"))  # pyright: ignore
    reader.add_render_rule("link_open", _link)
    return reader


def _link(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)
