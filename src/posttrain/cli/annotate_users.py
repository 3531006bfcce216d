"""`posttrain annotate users`: invitations, the list of people, and their roles."""

from typing import Annotated

import typer

from posttrain.cli.options import DEFAULT_DB, AsJson, Database

users = typer.Typer(no_args_is_help=True, help="The people who may sign in, and their roles.")


@users.command("invite", epilog="Example: posttrain annotate users invite --role annotator")
def invite_user(
    role: Annotated[str, typer.Option(help="owner, admin, adjudicator, annotator or viewer.")] = "annotator",
    db: Database = DEFAULT_DB,
    url: Annotated[str, typer.Option(help="The URL at which people reach the app.")] = "http://127.0.0.1:8500",
) -> None:
    """Print a link with which one person signs up within seven days."""
    from posttrain.cli.annotate_work import print_invitation

    print_invitation(role, db, url)


@users.command("list", epilog="Example: posttrain annotate users list")
def list_users(db: Database = DEFAULT_DB, as_json: AsJson = False) -> None:
    """Print all people with their roles."""
    from posttrain.cli.annotate_work import print_people

    print_people(db, as_json=as_json)


@users.command("change", epilog="Example: posttrain annotate users change ann --role adjudicator")
def change_user(
    name: Annotated[str, typer.Argument(help="The person's name.", show_default=False)],
    role: Annotated[str | None, typer.Option(help="The new role.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--locked", help="Readmit, or lock out.")] = None,
    db: Database = DEFAULT_DB,
) -> None:
    """Change a person's role, or lock them out; their sessions end."""
    from posttrain.cli.annotate_work import change_account

    change_account(name, role, active, db)
