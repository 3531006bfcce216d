"""SVG elements as escaped markup."""

from markupsafe import Markup, escape

Part = Markup | str


def element(name: str, *children: Part, **attributes: str | float | None) -> Markup:
    """An element. Text is escaped; ``class_`` is ``class``, and ``text_anchor`` is ``text-anchor``."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _value(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(Markup(name), written, inside, Markup(name))


def drawing(width: float, height: float, title: str, *children: Part, class_: str = "chart") -> Markup:
    """An SVG image with a title for screen readers."""
    return Markup('<svg viewBox="0 0 {} {}" class="{}" role="img" aria-label="{}">{}</svg>').format(
        _value(width), _value(height), class_, title, Markup("").join(escape(child) for child in children)
    )


def words(x: float, y: float, text: str, *, class_: str | None = None, anchor: str | None = None) -> Markup:
    """A line of text."""
    return element("text", text, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
