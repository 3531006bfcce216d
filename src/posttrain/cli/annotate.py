"""`posttrain annotate`: people rank blind candidates in their browser, and the rankings become training data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.annotate_project import (
    DEFAULT_DB,
    Database,
    opened_project,
    parse_sets,
    problems_as_input_errors,
)
from posttrain.cli.annotate_users import users
from posttrain.cli.options import AsJson
from posttrain.errors import InputError

app = typer.Typer(no_args_is_help=True, help="People rank blind candidates; their rankings become training data.")
app.add_typer(users, name="users")

Project = Annotated[str, typer.Option("--project", help="The project's name.")]
Sets = Annotated[list[str], typer.Option("--set", help="A setting of a new project, for instance overlap=3.")]

DEFAULT_PROJECT = "ranking"


@app.command(epilog="Example: posttrain annotate serve --db annotate.db --port 8500")
def serve(
    db: Database = DEFAULT_DB,
    host: Annotated[
        str, typer.Option(help="The address to listen on; use a proxy for TLS and public access.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8500,
    secure: Annotated[
        bool, typer.Option("--secure", help="The proxy uses HTTPS: cookies are sent only over HTTPS.")
    ] = False,
    proxy: Annotated[
        str | None,
        typer.Option(help="The address of a proxy before the app; its X-Forwarded-For gives the client's address."),
    ] = None,
    oidc: Annotated[
        str | None, typer.Option(help="The URL of an OpenID Connect provider with which people may sign in as well.")
    ] = None,
    oidc_client: Annotated[
        str | None, typer.Option(help="The app's client id at the provider; its secret is POSTTRAIN_OIDC_SECRET.")
    ] = None,
) -> None:
    """Serve the ranking app. While there is no owner, it prints a link to sign up as the owner."""
    from posttrain.annotate.serve import serve_app

    serve_app(db, host, port, secure=secure, proxy=proxy, oidc=oidc, oidc_client=oidc_client, announce=typer.echo)


@app.command("import", epilog="Example: posttrain annotate import candidates.jsonl --project tone --set overlap=3")
def import_file(
    source: Annotated[
        str, typer.Argument(help="A file or folder of rows to rank, or of rankings.", show_default=False)
    ],
    db: Database = DEFAULT_DB,
    project: Project = DEFAULT_PROJECT,
    guideline: Annotated[Path | None, typer.Option(help="A text file: the guideline of a new project.")] = None,
    set_: Sets = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Add candidates to a project, which is created if needed; rankings in the file become imported judgments."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.exchange.add_imports import add_imports
    from posttrain.annotate.exchange.imports import read_imports
    from posttrain.annotate.work.projects import new_project, project_named, read_guideline
    from posttrain.annotate.work.settings import Settings

    imported = list(read_imports(source))
    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        row = project_named(connection, project)
        if row is not None and (set_ or guideline):
            raise InputError(f"--project {project}: is there already; change its settings in the app")
        if row is None:
            text = None if guideline is None else read_guideline(guideline)
            row = new_project(connection, project, parse_sets(Settings, set_), now(), by=None, guideline=text)
        counts = add_imports(connection, row.id, iter(imported), now(), by=None)
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "items")
    typer.echo(json.dumps(counts) if as_json else f"{project}: {shown}. To rank: posttrain annotate serve --db {db}")


@app.command(epilog="Example: posttrain annotate export --project tone --out data/tone --set validation=0.1")
def export(
    out: Annotated[Path, typer.Option(help="The folder to write.", show_default=False)],
    db: Database = DEFAULT_DB,
    project: Project = DEFAULT_PROJECT,
    set_: Annotated[
        list[str],
        typer.Option(
            "--set",
            help="what=pairs|rankings|sft, pairs=all|adjacent|best-worst|best-vs-rest, "
            "aggregate=majority|plackett-luce, least=0.67, validation=0.1, seed=0, form=jsonl|parquet, simulated=true",
        ),
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Write training data, with a manifest of the judgments behind each row."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.exchange.export import write_export
    from posttrain.annotate.exchange.export_options import ExportOptions
    from posttrain.annotate.people.accounts import log_action

    options = parse_sets(ExportOptions, set_)
    with opened_project(db, project) as (connection, row):
        manifest = write_export(connection, row, options, out)
    with using(db) as engine, writing(engine) as connection:
        log_action(connection, now(), None, "exported", project=row.id, options=options.model_dump(mode="json"))
    summary = {name: manifest[name] for name in ("rows", "left_out", "files")}
    rows = ", ".join(f"{part} {count:,}" for part, count in manifest["rows"].items())
    left = "".join(f"; left out, {why}: {count:,}" for why, count in manifest["left_out"].items())
    typer.echo(json.dumps(summary, indent=2) if as_json else f"{out}: {rows} rows{left}")


@app.command(epilog="Example: posttrain annotate agreement --project tone")
def agreement(db: Database = DEFAULT_DB, project: Project = DEFAULT_PROJECT, as_json: AsJson = False) -> None:
    """Print the agreement between people: alpha, kappa and W, each with its 95% interval."""
    from posttrain.annotate.insight.judgments import read_judgments
    from posttrain.annotate.insight.project_agreement import measure_agreement

    with opened_project(db, project) as (connection, row):
        estimates = measure_agreement(read_judgments(connection, row), draws=1000)
    if as_json:
        typer.echo(json.dumps({name: estimate.as_json() for name, estimate in estimates.items()}, indent=2))
        return
    for name, estimate in estimates.items():
        ends = estimate.interval
        shown = "not known" if estimate.value is None else f"{estimate.value:.4f}"
        typer.echo(f"{name:28} {shown}{f'  ({ends[0]:.4f} to {ends[1]:.4f})' if ends else ''}  n = {estimate.n:,}")


@app.command(epilog="Example: posttrain annotate trace data/tone/train.jsonl:12")
def trace(
    place: Annotated[str, typer.Argument(help="FOLDER/train.jsonl:LINE of an export.", show_default=False)],
    db: Database = DEFAULT_DB,
) -> None:
    """Print the judgments behind a row of an export, with people, display orders and guideline; check their hashes."""
    from posttrain.annotate.characters import replace_lone_surrogates
    from posttrain.annotate.db.store import using
    from posttrain.annotate.exchange.trace import trace_row

    with using(db) as engine:
        typer.echo(replace_lone_surrogates(json.dumps(trace_row(engine, place), indent=2, ensure_ascii=False)))


@app.command(epilog="Example: posttrain annotate backup annotate-2026-01-31.db")
def backup(
    out: Annotated[Path, typer.Argument(help="The copy to write.", show_default=False)],
    db: Database = DEFAULT_DB,
) -> None:
    """Copy the whole database while the app runs; the database file alone may lack the last changes."""
    from posttrain.annotate.db.database_file import back_up

    if "://" in db and not db.startswith("sqlite:///"):
        raise InputError(f"--db: a PostgreSQL database is backed up with pg_dump: pg_dump DATABASE > {out}")
    back_up(Path(db.removeprefix("sqlite:///")), out)
    typer.echo(f"{out}: a copy of {db}. To go back: stop the app, and put the copy in its place without {db}-wal")
