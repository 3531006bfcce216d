"""`posttrain annotate`: people rank blind candidates in their browser; the rankings become training data."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posttrain.cli.options import AsJson
from posttrain.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

app = typer.Typer(no_args_is_help=True, help="People rank blind candidates; their rankings become training data.")
users = typer.Typer(no_args_is_help=True, help="Who may sign in, and what they may do.")
app.add_typer(users, name="users")

Database = Annotated[str, typer.Option("--db", help="The database: a file (SQLite), or postgresql://...")]
Project = Annotated[str, typer.Option("--project", help="The project's name.")]
Sets = Annotated[list[str], typer.Option("--set", help="A setting of a new project, for instance overlap=3.")]

DB, NAME = "annotate.db", "ranking"


@app.command(epilog="Example: posttrain annotate serve --db annotate.db --port 8500")
def serve(
    db: Database = DB,
    host: Annotated[str, typer.Option(help="Where to listen; leave TLS and the world to a proxy.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8500,
    secure: Annotated[
        bool, typer.Option("--secure", help="The proxy speaks HTTPS: cookies are sent over it alone.")
    ] = False,
    proxy: Annotated[
        str | None,
        typer.Option(help="Address of the proxy before the app: whom it names in X-Forwarded-For is who asks."),
    ] = None,
    oidc: Annotated[
        str | None, typer.Option(help="People may also sign in here: an OpenID Connect provider's URL.")
    ] = None,
    oidc_client: Annotated[
        str | None, typer.Option(help="What the app is called there; its secret: POSTTRAIN_OIDC_SECRET.")
    ] = None,
) -> None:
    """Serve the ranking app. The first time, it prints a link to sign up as the owner."""
    from posttrain.annotate.serve import serve_app

    serve_app(db, host, port, secure=secure, proxy=proxy, oidc=oidc, oidc_client=oidc_client)


@app.command("import", epilog="Example: posttrain annotate import candidates.jsonl --project tone --set overlap=3")
def import_(
    source: Annotated[
        str, typer.Argument(help="A file or folder of rows to rank, or of rankings.", show_default=False)
    ],
    db: Database = DB,
    project: Project = NAME,
    guideline: Annotated[Path | None, typer.Option(help="A text file: the guideline of a new project.")] = None,
    set_: Sets = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Put candidates into a project, which is made if there is none; rankings they bring count as said elsewhere."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.exchange.imports import add_imports, read_imports
    from posttrain.annotate.work.projects import new_project, project_named, read_guideline

    found = list(read_imports(source))
    with using(db) as engine, writing(engine) as connection, _problems():
        row = project_named(connection, project)
        if row is not None and (set_ or guideline):
            raise InputError(f"--project {project}: is there already; change its settings in the app")
        if row is None:
            text = None if guideline is None else read_guideline(guideline)
            row = new_project(connection, project, _settings(set_), now(), by=None, guideline=text)
        counts = add_imports(connection, row.id, iter(found), now(), by=None)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "items")
    typer.echo(json.dumps(counts) if as_json else f"{project}: {told}. To rank: posttrain annotate serve --db {db}")


@app.command(epilog="Example: posttrain annotate export --project tone --out data/tone --set validation=0.1")
def export(
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    db: Database = DB,
    project: Project = NAME,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            help="what=pairs|rankings|sft, policy=all|adjacent|best-worst|best-vs-rest, "
            "aggregate=majority|plackett-luce, least=0.67, validation=0.1, seed=0, form=jsonl|parquet, simulated=true",
        ),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Write training data, with a manifest of where each row comes from."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.exchange.export import ExportOptions
    from posttrain.annotate.exchange.export import export as write
    from posttrain.annotate.people.accounts import note

    options = _options(ExportOptions, set_)
    with _project(db, project) as (connection, row):
        manifest = write(connection, row, options, out)
    with using(db) as engine, writing(engine) as connection:
        note(connection, now(), None, "exported", project=row.id, options=options.model_dump(mode="json"))
    told = {name: manifest[name] for name in ("rows", "left_out", "files")}
    rows = ", ".join(f"{part} {count:,}" for part, count in manifest["rows"].items())
    left = "".join(f"; left out, {why}: {count:,}" for why, count in manifest["left_out"].items())
    typer.echo(json.dumps(told, indent=2) if as_json else f"{out}: {rows} rows{left}")


@app.command(epilog="Example: posttrain annotate agreement --project tone")
def agreement(db: Database = DB, project: Project = NAME, as_json: AsJson = False) -> None:
    """How far people agree: alpha, kappa, W, each with its 95% interval."""
    from posttrain.annotate.insight.judgments import spoken
    from posttrain.annotate.insight.project_agreement import agreement as measure

    with _project(db, project) as (connection, row):
        figures = measure(spoken(connection, row), draws=1000)
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    for name, figure in figures.items():
        ends = figure["interval"]
        shown = "not known" if figure["value"] is None else f"{figure['value']:.4f}"
        typer.echo(f"{name:28} {shown}{f'  ({ends[0]:.4f} to {ends[1]:.4f})' if ends else ''}  n = {figure['n']:,}")


@app.command(epilog="Example: posttrain annotate trace data/tone/train.jsonl:12")
def trace(
    place: Annotated[str, typer.Argument(help="FOLDER/train.jsonl:LINE of an export.", show_default=False)],
    db: Database = DB,
) -> None:
    """Who judged what behind a row of an export: in which order shown, under which guideline; verified."""
    from posttrain.annotate.characters import whole
    from posttrain.annotate.db.store import using
    from posttrain.annotate.exchange.trace import trace_row

    with using(db) as engine:
        typer.echo(whole(json.dumps(trace_row(engine, place), indent=2, ensure_ascii=False)))


@app.command(epilog="Example: posttrain annotate backup annotate-2026-01-31.db")
def backup(
    out: Annotated[Path, typer.Argument(help="The copy to write.", show_default=False)],
    db: Database = DB,
) -> None:
    """Copy the whole database, while the app runs; the file alone lacks what was written last."""
    from posttrain.annotate.db.database_file import back_up

    if "://" in db and not db.startswith("sqlite:///"):
        raise InputError(f"--db: of a PostgreSQL server, pg_dump makes the backup: pg_dump DATABASE > {out}")
    back_up(Path(db.removeprefix("sqlite:///")), out)
    typer.echo(f"{out}: a copy of {db}. To go back: stop the app, and put the copy in its place without {db}-wal")


@users.command("invite", epilog="Example: posttrain annotate users invite --role annotator")
def invite(
    role: Annotated[str, typer.Option(help="owner, admin, adjudicator, annotator or viewer.")] = "annotator",
    db: Database = DB,
    url: Annotated[str, typer.Option(help="Where people reach the app.")] = "http://127.0.0.1:8500",
) -> None:
    """Print a link to sign up with, good for one person and seven days."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.people.invitations import invite as make

    with using(db) as engine, writing(engine) as connection, _problems():
        typer.echo(f"{url.rstrip('/')}/join/{make(connection, None, role, now())}")


@users.command("list", epilog="Example: posttrain annotate users list")
def list_(db: Database = DB, as_json: AsJson = False) -> None:
    """Everybody, with their roles."""
    from sqlalchemy import select

    from posttrain.annotate.db.store import reading, using
    from posttrain.annotate.db.tables import people

    columns = ("id", "name", "role", "origin", "active")
    with using(db) as engine, reading(engine) as connection:
        rows = connection.execute(select(*(people.c[name] for name in columns)).order_by(people.c.id)).all()
    if as_json:
        typer.echo(json.dumps([{name: getattr(row, name) for name in columns} for row in rows], indent=2))
        return
    for row in rows:
        typer.echo(f"{row.id:>4}  {row.role:12} {row.origin:10} {'' if row.active else 'locked out  '}{row.name}")


@users.command("change", epilog="Example: posttrain annotate users change ann --role adjudicator")
def change(
    name: Annotated[str, typer.Argument(help="The person's name.", show_default=False)],
    role: Annotated[str | None, typer.Option(help="The new role.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--locked", help="Readmit, or lock out.")] = None,
    db: Database = DB,
) -> None:
    """Give another role, or lock out; sessions of that person end."""
    from sqlalchemy import select

    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.db.tables import people
    from posttrain.annotate.people.accounts import change_person

    with using(db) as engine, writing(engine) as connection, _problems():
        number = connection.execute(select(people.c.id).where(people.c.name == name)).scalar_one_or_none()
        if number is None:
            raise InputError(f"there is no person {name}; see posttrain annotate users list")
        row = change_person(connection, None, number, now(), role=role, active=active)
    typer.echo(f"{row.name}: {row.role}{'' if row.active else ', locked out'}")


@contextmanager
def _project(db: str, name: str) -> "Generator[tuple[Connection, Any]]":
    from sqlalchemy import select

    from posttrain.annotate.db.store import reading, using
    from posttrain.annotate.db.tables import projects
    from posttrain.annotate.work.projects import project_named

    if "://" not in db and not Path(db).is_file():
        raise InputError(f"--db {db}: no such file; start with posttrain annotate import")
    with using(db) as engine, reading(engine) as connection, _problems():
        row = project_named(connection, name)
        if row is None:
            known = ", ".join(connection.execute(select(projects.c.name)).scalars()) or "none"
            raise InputError(f"--project {name}: there is no such project (there are: {known})")
        yield connection, row


@contextmanager
def _problems() -> Generator[None]:
    """What the app refuses is the user's mistake here."""
    from posttrain.annotate.problems import Problem

    try:
        yield
    except Problem as problem:
        raise InputError(str(problem)) from problem


def _settings(sets: list[str]) -> Any:
    from posttrain.annotate.work.settings import Settings

    return _options(Settings, sets)


def _options(model: Any, sets: list[str]) -> Any:
    from pydantic import ValidationError

    from posttrain.recipe.overrides import override
    from posttrain.recipe.problems import near

    values: dict[str, Any] = {}
    for text in sets:
        override(values, text)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = list(model.model_fields)
            raise InputError(f"--set {key}: unknown key{near(key, known)} (known here: {', '.join(known)})") from error
        raise InputError(f"--set {key}: {first['msg'].removeprefix('Value error, ')}") from error
