"""The HTML pages for people who are signed in."""

from collections import Counter
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import exists, func, select

from posttrain.annotate.db.store import now, reading
from posttrain.annotate.db.tables import ROLES, audit, identities, items, people, projects
from posttrain.annotate.insight.dashboard import dashboard, disputed_items
from posttrain.annotate.insight.item_page import item_details, list_items
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.people.accounts import check_permission
from posttrain.annotate.people.credentials import tokens_of
from posttrain.annotate.people.invitations import open_invitations
from posttrain.annotate.web.assignment_view import project_by_id
from posttrain.annotate.web.guard import NotSignedIn, Store, signed_in
from posttrain.annotate.web.models import Id
from posttrain.annotate.web.templates import page
from posttrain.annotate.work.projects import guideline_of, settings_of
from posttrain.annotate.work.settings import Settings

State = Literal["open", "disputed", "flagged", "done", "settled"]

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
def home_page(request: Request, store: Store) -> Any:
    """The list of projects."""
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
def ranking_page(project_id: Id, request: Request, store: Store) -> Any:
    """The page where people rank."""
    return _ranking(request, store, project_id, "ranking", "judge")


@router.get("/projects/{project_id}/adjudicate")
def adjudication_page(project_id: Id, request: Request, store: Store) -> Any:
    """The page where adjudicators settle disagreements."""
    return _ranking(request, store, project_id, "adjudication", "adjudicate")


@router.get("/projects/{project_id}")
def dashboard_page(project_id: Id, request: Request, store: Store) -> Any:
    """The dashboard."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = project_by_id(connection, project_id)
        judged = read_judgments(connection, project)
        figures = dashboard(connection, project, judged, now())
    worst = disputed_items(judged, 10)
    return page(request, "dashboard.html", person=person, project=project, figures=figures, worst=worst)


@router.get("/projects/{project_id}/items")
def items_page(project_id: Id, request: Request, store: Store, state: State | None = None) -> Any:
    """The items with the most disagreement first."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = project_by_id(connection, project_id)
        judged = read_judgments(connection, project)
    rows = list_items(judged, state)
    counts = Counter(item.state for item in judged.items.values())
    return page(request, "items.html", person=person, project=project, rows=rows, counts=counts, state=state)


@router.get("/projects/{project_id}/items/{item_id}")
def item_page(project_id: Id, item_id: Id, request: Request, store: Store) -> Any:
    """An item with all its judgments."""
    person = _person(request, "oversee")
    with reading(store) as connection:
        project = project_by_id(connection, project_id)
        details = item_details(connection, project, item_id)
    return page(request, "item.html", person=person, project=project, **details)


@router.get("/projects/{project_id}/settings")
def settings_page(project_id: Id, request: Request, store: Store) -> Any:
    """The project's settings and guideline, and the form for imports."""
    person = _person(request, "manage")
    with reading(store) as connection:
        project = project_by_id(connection, project_id)
        guideline = guideline_of(connection, project_id)
    fields = [
        {"name": name, "value": project.settings[name], **field, **field.get("anyOf", [{}])[0]}
        for name, field in Settings.model_json_schema()["properties"].items()
    ]
    return page(request, "settings.html", person=person, project=project, guideline=guideline, fields=fields)


@router.get("/projects/{project_id}/export")
def export_page(project_id: Id, request: Request, store: Store) -> Any:
    """The form for exports."""
    person = _person(request, "manage")
    with reading(store) as connection:
        return page(request, "export.html", person=person, project=project_by_id(connection, project_id))


@router.get("/people")
def people_page(request: Request, store: Store) -> Any:
    """People, open invitations and the audit log."""
    person = _person(request, "manage")
    with reading(store) as connection:
        account = exists().where(identities.c.person_id == people.c.id)
        can_sign_in = (people.c.password.is_not(None) | account).label("can_sign_in")
        rows = connection.execute(select(people, can_sign_in).order_by(people.c.name)).all()
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
    """The description of the API, from its OpenAPI schema, without third-party scripts."""
    person = signed_in(request)
    with reading(store) as connection:
        own = [] if person is None else tokens_of(connection, person)
    return page(request, "api.html", person=person, api=request.app.openapi(), own=own)


def _ranking(request: Request, store: Any, number: int, kind: str, permission: str) -> Any:
    person = _person(request, permission)
    with reading(store) as connection:
        project = project_by_id(connection, number)
        guideline = guideline_of(connection, number)
    view = settings_of(project).view
    return page(request, "rank.html", person=person, project=project, guideline=guideline, kind=kind, view=view)


def _person(request: Request, permission: str) -> Any:
    person = signed_in(request)
    if person is None:
        raise NotSignedIn("sign in first")
    check_permission(person, permission)
    return person
