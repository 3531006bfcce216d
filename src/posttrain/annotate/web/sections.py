"""Further parts of the app, such as the pages of runs: they share its sign-in, its look and its rules."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from posttrain.annotate.people.accounts import may


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the app.

    Args:
        name: of its static files, which are at ``/static/NAME/``.
        title: in the navigation.
        path: of its first page.
        permission: that a person needs to see it.
        pages: the folder with ``templates/`` and ``static/``.
        state: kept as ``app.state.NAME``.
    """

    name: str
    title: str
    path: str
    permission: str
    router: APIRouter
    pages: Path
    state: Any


def first_page(request: Request, person: Any) -> str:
    """The page after signing in: that of the first section which the person may see, or the projects."""
    return next((part.path for part in request.app.state.sections if may(person, part.permission)), "/")
