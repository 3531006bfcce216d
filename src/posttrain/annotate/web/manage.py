"""The API for managers of projects: projects, guidelines, imports, figures and exports."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from posttrain.annotate.db.store import now, reading, writing
from posttrain.annotate.exchange.add_imports import add_imports
from posttrain.annotate.exchange.export import write_export
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.imports import read_imports
from posttrain.annotate.insight.dashboard import dashboard, disputed_items
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.people.accounts import check_permission, log_action
from posttrain.annotate.problems import Invalid
from posttrain.annotate.web.assignment_view import project_by_id
from posttrain.annotate.web.guard import Person, Store
from posttrain.annotate.web.models import FlagIn, GuidelineIn, Id, Listed, ProjectIn, as_listed
from posttrain.annotate.work.projects import change_settings, new_guideline, new_project, reopen_item
from posttrain.annotate.work.settings import Settings
from posttrain.errors import InputError

router = APIRouter(prefix="/api/v1", tags=["managing"])


@router.post("/projects", status_code=201)
def make_project(new: ProjectIn, person: Person, store: Store) -> dict[str, Any]:
    """Make a project."""
    check_permission(person, "manage")
    with writing(store) as connection:
        row = new_project(connection, new.name, new.settings, now(), by=person.id, guideline=new.guideline)
        return {"id": row.id, "name": row.name, "settings": row.settings}


@router.get("/projects/{project_id}")
def read_project(project_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """A project's settings."""
    check_permission(person, "oversee")
    with reading(store) as connection:
        row = project_by_id(connection, project_id)
        return {"id": row.id, "name": row.name, "settings": row.settings}


@router.put("/projects/{project_id}/settings")
def set_settings(project_id: Id, new: Settings, person: Person, store: Store) -> dict[str, Any]:
    """Change a project's settings."""
    check_permission(person, "manage")
    with writing(store) as connection:
        change_settings(connection, project_by_id(connection, project_id, lock=True), new, now(), by=person.id)
        return new.model_dump(mode="json")


@router.post("/projects/{project_id}/guidelines", status_code=201)
def add_guideline(project_id: Id, new: GuidelineIn, person: Person, store: Store) -> dict[str, int]:
    """Add a version of the guideline; later judgments name it."""
    check_permission(person, "manage")
    with writing(store) as connection:
        project_by_id(connection, project_id, lock=True)
        return {"version": new_guideline(connection, project_id, new.text, now(), by=person.id)}


@router.post(
    "/projects/{project_id}/imports",
    status_code=201,
    openapi_extra={"requestBody": {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def import_rows(project_id: Id, request: Request, person: Person, store: Store) -> dict[str, int]:
    """Add items from JSON lines in any format that `posttrain annotate import` reads; all of them or none."""
    check_permission(person, "manage")
    await run_in_threadpool(_check_project, store, project_id)

    def read_and_add(folder: Path) -> dict[str, int]:
        imported = list(read_imports("rows.jsonl", base=folder))
        with writing(store) as connection:
            project_by_id(connection, project_id, lock=True)
            return add_imports(connection, project_id, iter(imported), now(), by=person.id)

    with tempfile.TemporaryDirectory() as name:
        with (Path(name) / "rows.jsonl").open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        try:
            return await to_thread.run_sync(read_and_add, Path(name), limiter=_ONE_IMPORT)
        except InputError as error:
            raise Invalid(str(error)) from error


_ONE_IMPORT = CapacityLimiter(1)
"""Imports are read one after the other, since each may take several times its size in memory."""


def _check_project(store: Engine, number: int) -> None:
    with reading(store) as connection:
        project_by_id(connection, number)


@router.get("/projects/{project_id}/dashboard")
def read_dashboard(project_id: Id, person: Person, store: Store) -> dict[str, Any]:
    """The dashboard: progress, agreement with intervals, gold accuracy, biases and people."""
    check_permission(person, "oversee")
    with reading(store) as connection:
        project = project_by_id(connection, project_id)
        return dashboard(connection, project, read_judgments(connection, project), now())


@router.get("/projects/{project_id}/disagreements", response_model=Listed)
def list_disagreements(project_id: Id, person: Person, store: Store) -> Any:
    """Items with the most disagreement first."""
    check_permission(person, "oversee")
    with reading(store) as connection:
        return as_listed(disputed_items(read_judgments(connection, project_by_id(connection, project_id))))


@router.patch("/projects/{project_id}/flagged/{item_id}")
def settle_flag(project_id: Id, item_id: Id, decision: FlagIn, person: Person, store: Store) -> dict[str, bool]:
    """Put a flagged item back into the queue, or leave it out."""
    check_permission(person, "manage")
    with writing(store) as connection:
        project_by_id(connection, project_id, lock=True)
        reopen_item(connection, project_id, item_id, now(), by=person.id, open_again=decision.open_again)
        return {"open_again": decision.open_again}


@router.post(
    "/projects/{project_id}/exports",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "the export's folder"}},
)
def make_export(project_id: Id, options: ExportOptions, person: Person, store: Store) -> Response:
    """Export training data with its manifest, as a zip file."""
    check_permission(person, "manage")
    with tempfile.TemporaryDirectory() as folder, reading(store) as connection:
        project = project_by_id(connection, project_id)
        out = Path(folder) / "export"
        try:
            write_export(connection, project, options, out)
        except InputError as error:
            raise Invalid(str(error)) from error
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
            for path in sorted(out.iterdir()):
                zipped.write(path, path.name)
    with writing(store) as connection:
        log_action(
            connection, now(), person.id, "exported", project=project_id, options=options.model_dump(mode="json")
        )
    name = {"Content-Disposition": f'attachment; filename="project-{project_id}-{options.what}.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=name)
