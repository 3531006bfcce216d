"""`posttrain annotate`: people rank blind candidates in their browser, and the rankings become training data."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.annotate_users import users
from posttrain.cli.options import DEFAULT_DB, AsJson, Database

app = typer.Typer(no_args_is_help=True, help="People rank blind candidates; their rankings become training data.")
app.add_typer(users, name="users")

Project = Annotated[str, typer.Option("--project", help="The project's name.")]
Sets = Annotated[list[str], typer.Option("--set", help="A setting of a new project, for instance overlap=3.")]

Host = Annotated[str, typer.Option(help="The address to listen on; use a proxy for TLS and public access.")]
Secure = Annotated[bool, typer.Option("--secure", help="The proxy uses HTTPS: cookies are sent only over HTTPS.")]
Proxy = Annotated[
    str | None,
    typer.Option(help="The address of a proxy before the app; its X-Forwarded-For gives the client's address."),
]
Oidc = Annotated[
    str | None, typer.Option(help="The URL of an OpenID Connect provider with which people may sign in as well.")
]
OidcClient = Annotated[
    str | None, typer.Option(help="The app's client id at the provider; its secret is POSTTRAIN_OIDC_SECRET.")
]

DEFAULT_PROJECT = "ranking"


def _work():
    """The module that does the work; its imports are heavy, and `--help` does not need them."""
    from posttrain.cli import annotate_work

    return annotate_work


@app.command(epilog="Example: posttrain annotate serve --db annotate.db --port 8500")
def serve(
    db: Database = DEFAULT_DB,
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8500,
    secure: Secure = False,
    proxy: Proxy = None,
    oidc: Oidc = None,
    oidc_client: OidcClient = None,
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
    _work().import_into_project(source, db, project, guideline, set_, as_json=as_json)


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
    _work().export_project(out, db, project, set_, as_json=as_json)


@app.command(epilog="Example: posttrain annotate agreement --project tone")
def agreement(db: Database = DEFAULT_DB, project: Project = DEFAULT_PROJECT, as_json: AsJson = False) -> None:
    """Print the agreement between people: alpha, kappa and W, each with its 95% interval."""
    _work().print_agreement(db, project, as_json=as_json)


@app.command(epilog="Example: posttrain annotate trace data/tone/train.jsonl:12")
def trace(
    place: Annotated[str, typer.Argument(help="FOLDER/train.jsonl:LINE of an export.", show_default=False)],
    db: Database = DEFAULT_DB,
) -> None:
    """Print the judgments behind a row of an export, with people, display orders and guideline; check their hashes."""
    _work().print_trace(place, db)


@app.command(epilog="Example: posttrain annotate backup annotate-2026-01-31.db")
def backup(
    out: Annotated[Path, typer.Argument(help="The copy to write.", show_default=False)],
    db: Database = DEFAULT_DB,
) -> None:
    """Copy the whole database while the app runs; the database file alone may lack the last changes."""
    _work().back_up_database(out, db)
