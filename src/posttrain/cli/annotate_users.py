"""`posttrain annotate users`: invitations, the list of people, and their roles."""

import json
from typing import Annotated

import typer

from posttrain.cli.annotate_project import DEFAULT_DB, Database, problems_as_input_errors
from posttrain.cli.options import AsJson
from posttrain.errors import InputError

users = typer.Typer(no_args_is_help=True, help="The people who may sign in, and their roles.")


@users.command("invite", epilog="Example: posttrain annotate users invite --role annotator")
def invite_user(
    role: Annotated[str, typer.Option(help="owner, admin, adjudicator, annotator or viewer.")] = "annotator",
    db: Database = DEFAULT_DB,
    url: Annotated[str, typer.Option(help="The URL at which people reach the app.")] = "http://127.0.0.1:8500",
) -> None:
    """Print a link with which one person signs up within seven days."""
    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.people.invitations import invite

    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        typer.echo(f"{url.rstrip('/')}/join/{invite(connection, None, role, now())}")


@users.command("list", epilog="Example: posttrain annotate users list")
def list_users(db: Database = DEFAULT_DB, as_json: AsJson = False) -> None:
    """Print all people with their roles."""
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
def change_user(
    name: Annotated[str, typer.Argument(help="The person's name.", show_default=False)],
    role: Annotated[str | None, typer.Option(help="The new role.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--locked", help="Readmit, or lock out.")] = None,
    db: Database = DEFAULT_DB,
) -> None:
    """Change a person's role, or lock them out; their sessions end."""
    from sqlalchemy import select

    from posttrain.annotate.db.store import now, using, writing
    from posttrain.annotate.db.tables import people
    from posttrain.annotate.people.accounts import change_person

    with using(db) as engine, writing(engine) as connection, problems_as_input_errors():
        number = connection.execute(select(people.c.id).where(people.c.name == name)).scalar_one_or_none()
        if number is None:
            raise InputError(f"there is no person {name}; see posttrain annotate users list")
        row = change_person(connection, None, number, now(), role=role, active=active)
    typer.echo(f"{row.name}: {row.role}{'' if row.active else ', locked out'}")
