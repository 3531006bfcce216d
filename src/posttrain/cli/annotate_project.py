"""Helpers of the `posttrain annotate` commands: the project, its options, and refusals as input errors."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from posttrain.errors import InputError
from posttrain.options import Options

if TYPE_CHECKING:
    from sqlalchemy import Connection

Database = Annotated[str, typer.Option("--db", help="The database: a file (SQLite), or postgresql://...")]
DEFAULT_DB = "annotate.db"

OptionsT = TypeVar("OptionsT", bound=Options)


@contextmanager
def opened_project(db: str, name: str) -> "Generator[tuple[Connection, Any]]":
    """A project, in a transaction that only reads.

    Raises:
        InputError: the database or the project does not exist, or the app refuses the request.
    """
    from sqlalchemy import select

    from posttrain.annotate.db.store import reading, using
    from posttrain.annotate.db.tables import projects
    from posttrain.annotate.work.projects import project_named

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
    from posttrain.annotate.problems import Problem

    try:
        yield
    except Problem as problem:
        raise InputError(str(problem)) from problem


def parse_sets(model: type[OptionsT], sets: Sequence[str]) -> OptionsT:
    """Options from the texts of ``--set key=value``.

    Raises:
        InputError: an unknown key, with the nearest known key, or an invalid value.
    """
    from pydantic import ValidationError

    from posttrain.recipe.aliases import ALIASES
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
            hint = near(ALIASES.get(key, key), known)
            raise InputError(f"--set {key}: unknown key{hint} (known here: {', '.join(known)})") from error
        raise InputError(f"--set {key}: {first['msg'].removeprefix('Value error, ')}") from error
