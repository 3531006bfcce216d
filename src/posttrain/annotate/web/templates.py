"""HTML pages from templates; every value is escaped."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from posttrain.annotate.characters import replace_lone_surrogates
from posttrain.annotate.people.accounts import may

FOLDER = Path(__file__).parents[1] / "pages"


def page(request: Request, template: str, *, status: int = 200, person: Any = None, **values: Any) -> HTMLResponse:
    """A page as a response; `person` is None if nobody is signed in."""
    common = {"person": person, "may": may, "problem": None, "name": "", "path": request.url.path}
    common |= {"oidc": request.app.state.oidc, "secret": "", "sections": request.app.state.sections}
    html = request.app.state.templates.get_template(template).render(**{**common, **values})
    return HTMLResponse(replace_lone_surrogates(html), status_code=status)


def templates_of(folders: Sequence[Path]) -> Environment:
    """The templates of the app, then those of the folders of its sections."""
    loader = FileSystemLoader([folder / "templates" for folder in (FOLDER, *folders)])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "percent": _percent,
        "number": _number,
        "day": _day,
        "minute": _minute,
        "sentence": _sentence,
    }
    return environment


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _minute(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def _sentence(text: str) -> str:
    """The text with a capital first letter; the rest is unchanged."""
    return text[:1].upper() + text[1:]
