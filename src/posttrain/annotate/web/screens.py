"""The pages of those who are signed in."""

from collections import Counter
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import exists, func, select

from posttrain.annotate.db.store import now, reading
from posttrain.annotate.db.tables import ROLES, audit, identities, items, people, projects
from posttrain.annotate.insight.dashboard import dashboard, disputed_items
from posttrain.annotate.insight.item_page import item_told, listed_items
from posttrain.annotate.insight.judgments import spoken
from posttrain.annotate.people.accounts import check_may
from posttrain.annotate.people.credentials import tokens_of
from posttrain.annotate.people.invitations import open_invitations
from posttrain.annotate.web.guard import Store, Unknown, signed_in
from posttrain.annotate.web.models import Id
from posttrain.annotate.web.templates import page
from posttrain.annotate.web.work import found_project
from posttrain.annotate.work.projects import guideline_of, settings_of
from posttrain.annotate.work.settings import Settings

State = Literal["open", "disputed", "flagged", "done", "settled"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
def home(request: Request, store: Store) -> Any:
    """The projects."""
    person = signed_in(request)
    if person is None:
        return RedirectResponse("/login", status_code=303)
    with reading(store) as connection:
        rows = connection.execute(select(projects).order_by(projects.c.name)).all()
        states = connection.execute(
            select(items.c.project_id, items.c.state, func.count())
            .where(items.c.gold.is_(None))
            .group_by(items.c.project_id, items.c.state)
        ).all()
    counts: dict[int, dict[str, int]] = {row.id: {} for row in rows}
    for project, state, count in states:
        counts[project][state] = count
    return page(request, "home.html", person=person, projects=rows, counts=counts)


@router.get("/projects/{project_id}/rank")
def rank(project_id: Id, request: Request, store: Store) -> Any:
    """Where people rank."""
    return _ranking(request, store, project_id, "ranking", "judge")


@router.get("/projects/{project_id}/adjudicate")
def adjudicate(project_id: Id, request: Request, store: Store) -> Any:
    """Where disagreements are settled."""
    return _ranking(request, store, project_id, "adjudication", "adjudicate")


@router.get("/projects/{project_id}")
def overview(project_id: Id, request: Request, store: Store) -> Any:
    """The dashboard."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = found_project(connection, project_id)
        said = spoken(connection, project)
        figures = dashboard(connection, project, said, now())
    worst = disputed_items(said, 10)
    return page(request, "dashboard.html", person=person, project=project, figures=figures, worst=worst)


@router.get("/projects/{project_id}/items")
def item_list(project_id: Id, request: Request, store: Store, state: State | None = None) -> Any:
    """The items, those that people disagree on most first."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = found_project(connection, project_id)
        said = spoken(connection, project)
    rows = listed_items(said, state)
    counts = Counter(item.state for item in said.items.values())
    return page(request, "items.html", person=person, project=project, rows=rows, counts=counts, state=state)


@router.get("/projects/{project_id}/items/{item_id}")
def one_item(project_id: Id, item_id: Id, request: Request, store: Store) -> Any:
    """An item, and all that was said of it."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = found_project(connection, project_id)
        told = item_told(connection, project, item_id)
    return page(request, "item.html", person=person, project=project, **told)


@router.get("/projects/{project_id}/settings")
def settings(project_id: Id, request: Request, store: Store) -> Any:
    """What the project asks of its people, its guideline, and where items are added."""
    person = _person(request, "manage")
    with reading(store) as connection:
        project = found_project(connection, project_id)
        guideline = guideline_of(connection, project_id)
    fields = [
        {"name": name, "value": project.settings[name], **field, **field.get("anyOf", [{}])[0]}
        for name, field in Settings.model_json_schema()["properties"].items()
    ]
    return page(request, "settings.html", person=person, project=project, guideline=guideline, fields=fields)


@router.get("/projects/{project_id}/export")
def exporting(project_id: Id, request: Request, store: Store) -> Any:
    """Where training data is made."""
    person = _person(request, "manage")
    with reading(store) as connection:
        return page(request, "export.html", person=person, project=found_project(connection, project_id))


@router.get("/people")
def people_page(request: Request, store: Store) -> Any:
    """Who may sign in, and what was done."""
    person = _person(request, "manage")
    with reading(store) as connection:
        account = exists().where(identities.c.person_id == people.c.id)
        enters = (people.c.password.is_not(None) | account).label("enters")
        rows = connection.execute(select(people, enters).order_by(people.c.name)).all()
        log = connection.execute(
            select(audit, people.c.name.label("by"))
            .join(people, people.c.id == audit.c.person_id, isouter=True)
            .order_by(audit.c.id.desc())
            .limit(50)
        ).all()
        links = open_invitations(connection, now())
    roles = ROLES[ROLES.index(person.role) :]
    return page(request, "people.html", person=person, rows=rows, log=log, roles=roles, links=links)


@router.get("/api")
def api_page(request: Request, store: Store) -> Any:
    """The API, told from its own OpenAPI description; no script from elsewhere."""
    person = signed_in(request)
    with reading(store) as connection:
        own = [] if person is None else tokens_of(connection, person)
    return page(request, "api.html", person=person, api=request.app.openapi(), own=own)


def _ranking(request: Request, store: Any, number: int, kind: str, deed: str) -> Any:
    person = _person(request, deed)
    with reading(store) as connection:
        project = found_project(connection, number)
        guideline = guideline_of(connection, number)
    view = settings_of(project).view
    return page(request, "rank.html", person=person, project=project, guideline=guideline, kind=kind, view=view)


def _person(request: Request, deed: str) -> Any:
    person = signed_in(request)
    if person is None:
        raise Unknown("sign in first")
    check_may(person, deed)
    return person
