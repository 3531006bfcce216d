"""The work of the `posttrain annotate` commands, apart from their options: this module imports the database."""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import Connection, select

from posttrain.annotate.characters import replace_lone_surrogates
from posttrain.annotate.db.database_file import back_up
from posttrain.annotate.db.store import now, reading, using, writing
from posttrain.annotate.db.tables import people, projects
from posttrain.annotate.exchange.add_imports import add_imports
from posttrain.annotate.exchange.export import write_export
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.imports import read_imports
from posttrain.annotate.exchange.trace import trace_row
from posttrain.annotate.insight.judgments import read_judgments
from posttrain.annotate.insight.project_agreement import measure_agreement
from posttrain.annotate.people.accounts import change_person, log_action
from posttrain.annotate.people.invitations import invite
from posttrain.annotate.problems import Problem
from posttrain.annotate.work.projects import new_project, project_named, read_guideline
from posttrain.annotate.work.settings import Settings
from posttrain.errors import InputError
from posttrain.recipe.set_options import options_from_sets


def import_into_project(
    source: str, db: str, project: str, guideline: Path | None, sets: Sequence[str], *, as_json: bool
) -> None:
    """Add the rows of a file to a project, which is created if needed."""
    imported = list(read_imports(source))
    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        row = project_named(connection, project)
        if row is not None and (sets or guideline):
            raise InputError(f"--project {project}: is there already; change its settings in the app")
        if row is None:
            text = None if guideline is None else read_guideline(guideline)
            settings = options_from_sets(Settings, sets)
            row = new_project(connection, project, settings, now(), by=None, guideline=text)
        counts = add_imports(connection, row.id, iter(imported), now(), by=None)
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "items")
    typer.echo(json.dumps(counts) if as_json else f"{project}: {shown}. To rank: posttrain annotate serve --db {db}")


def export_project(out: Path, db: str, project: str, sets: Sequence[str], *, as_json: bool) -> None:
    """Write a project's judgments as training data, and log the export."""
    options = options_from_sets(ExportOptions, sets)
    with opened_project(db, project) as (connection, row):
        manifest = write_export(connection, row, options, out)
    with using(db) as engine, writing(engine) as connection:
        log_action(connection, now(), None, "exported", project=row.id, options=options.model_dump(mode="json"))
    summary = {name: manifest[name] for name in ("rows", "left_out", "files")}
    rows = ", ".join(f"{part} {count:,}" for part, count in manifest["rows"].items())
    left = "".join(f"; left out, {why}: {count:,}" for why, count in manifest["left_out"].items())
    typer.echo(json.dumps(summary, indent=2) if as_json else f"{out}: {rows} rows{left}")


def print_agreement(db: str, project: str, *, as_json: bool) -> None:
    """Print the agreement between people, each measure with its 95% interval."""
    with opened_project(db, project) as (connection, row):
        estimates = measure_agreement(read_judgments(connection, row), draws=1000)
    if as_json:
        typer.echo(json.dumps({name: estimate.as_json() for name, estimate in estimates.items()}, indent=2))
        return
    for name, estimate in estimates.items():
        ends = estimate.interval
        shown = "not known" if estimate.value is None else f"{estimate.value:.4f}"
        typer.echo(f"{name:28} {shown}{f'  ({ends[0]:.4f} to {ends[1]:.4f})' if ends else ''}  n = {estimate.n:,}")


def print_trace(place: str, db: str) -> None:
    """Print the judgments behind a row of an export."""
    with using(db) as engine:
        typer.echo(replace_lone_surrogates(json.dumps(trace_row(engine, place), indent=2, ensure_ascii=False)))


def back_up_database(out: Path, db: str) -> None:
    """Copy an SQLite database while the app runs."""
    if "://" in db and not db.startswith("sqlite:///"):
        raise InputError(f"--db: a PostgreSQL database is backed up with pg_dump: pg_dump DATABASE > {out}")
    back_up(Path(db.removeprefix("sqlite:///")), out)
    typer.echo(f"{out}: a copy of {db}. To go back: stop the app, and put the copy in its place without {db}-wal")


def print_invitation(role: str, db: str, url: str) -> None:
    """Print a link with which one person signs up."""
    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        typer.echo(f"{url.rstrip('/')}/join/{invite(connection, None, role, now())}")


def print_people(db: str, *, as_json: bool) -> None:
    """Print all people with their roles."""
    columns = ("id", "name", "role", "origin", "active")
    with using(db) as engine, reading(engine) as connection:
        rows = connection.execute(select(*(people.c[name] for name in columns)).order_by(people.c.id)).all()
    if as_json:
        typer.echo(json.dumps([{name: getattr(row, name) for name in columns} for row in rows], indent=2))
        return
    for row in rows:
        typer.echo(f"{row.id:>4}  {row.role:12} {row.origin:10} {'' if row.active else 'locked out  '}{row.name}")


def change_account(name: str, role: str | None, active: bool | None, db: str) -> None:
    """Change a person's role, or lock them out."""
    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        number = connection.execute(select(people.c.id).where(people.c.name == name)).scalar_one_or_none()
        if number is None:
            raise InputError(f"there is no person {name}; see posttrain annotate users list")
        row = change_person(connection, None, number, now(), role=role, active=active)
    typer.echo(f"{row.name}: {row.role}{'' if row.active else ', locked out'}")


@contextmanager
def opened_project(db: str, name: str) -> Generator[tuple[Connection, Any]]:
    """A project, in a transaction that only reads.

    Raises:
        InputError: the database or the project does not exist, or the app refuses the request.
    """
    if "://" not in db and not Path(db).is_file():
        raise InputError(f"--db {db}: no such file; start with posttrain annotate import")
    with using(db) as engine, reading(engine) as connection, problems_as_input_errors():
        row = project_named(connection, name)
        if row is None:
            known = ", ".join(connection.execute(select(projects.c.name)).scalars()) or "none"
            raise InputError(f"--project {name}: there is no such project (there are: {known})")
        yield connection, row


@contextmanager
def problems_as_input_errors() -> Generator[None]:
    """A request that the app refuses becomes an `InputError`."""
    try:
        yield
    except Problem as problem:
        raise InputError(str(problem)) from problem
