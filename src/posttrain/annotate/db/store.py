"""The database: it is opened by path or URL, migrated to the newest schema, and used within transactions.

SQLite runs in WAL mode with synchronous=FULL: a change that was confirmed is on the disk. Every change of a project's
queue or chain holds that project's lock, so that no two people take the same place.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from posttrain.annotate.db.database_file import create_private, keep_private
from posttrain.annotate.db.tables import projects
from posttrain.errors import InputError

BUSY_SECONDS = 30
"""How long a write waits for other writers before it fails."""

DbRow = Any
"""A row of a query's result; its columns are attributes."""


def open_store(where: str | Path) -> Engine:
    """Open a database, creating or migrating it as needed.

    Args:
        where: a file (SQLite), or a URL ``sqlite:///...`` or ``postgresql://...``.

    Raises:
        InputError: the server cannot be reached, the file is no database, or a newer posttrain wrote it.
    """
    engine = _engine(str(where))
    try:
        _migrate(engine)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise InputError(f"--db {_shown(str(where))}: cannot be opened ({_first_line(error)})") from error
    if engine.dialect.name == "sqlite":
        keep_private(Path(str(engine.url.database)))
    return engine


@contextmanager
def using(where: str | Path) -> Generator[Engine]:
    """Open a database for the length of a `with` block.

    Raises:
        InputError: as `open_store`; or the database fails later, because it is locked, damaged or out of disk space.
    """
    engine = open_store(where)
    try:
        yield engine
    except DatabaseError as error:
        raise InputError(f"--db {_shown(str(where))}: {_first_line(error)}") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{error.object!r:.60} holds half of a character; write it as UTF-8") from error
    finally:
        engine.dispose()


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that may write. It is committed at the end of the block, or rolled back after an exception."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with _turns(engine), engine.connect() as connection:
        writes = connection.execution_options(posttrain_writes=True)
        with writes.begin():
            yield writes


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A transaction that only reads, and sees one state of the database throughout."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def locked_project(connection: Connection, project: int) -> DbRow:
    """The project's row, locked against other writers until the transaction ends; None if it does not exist."""
    return connection.execute(select(projects).where(projects.c.id == project).with_for_update()).one_or_none()


def now() -> float:
    """The current time in UTC seconds since 1970."""
    return time.time()


def _turns(engine: Engine) -> Lock:
    """The lock by which the writers of one process queue up.

    SQLite allows one writer at a time and lets the others sleep and retry, which is slower and unfair.
    """
    with _REGISTER:
        return _TURNS.setdefault(engine, Lock())


_REGISTER = Lock()
_TURNS: WeakKeyDictionary[Engine, Lock] = WeakKeyDictionary()


def _engine(where: str) -> Engine:
    try:
        url = make_url(where if "://" in where else f"sqlite:///{where}")
    except ArgumentError as error:
        raise InputError(f"--db {_shown(where)}: is neither a file nor a URL such as postgresql://host/name") from error
    if url.drivername.split("+")[0] in ("postgresql", "postgres"):
        return _postgresql(url.set(drivername="postgresql+psycopg"))
    if url.drivername != "sqlite":
        raise InputError(f"--db {_shown(where)}: a file (SQLite) or postgresql://..., not {url.drivername}")
    if url.database in (None, "", ":memory:"):
        raise InputError(f"--db {where}: name a file; in memory alone, what people say would be lost")
    parent = Path(str(url.database)).parent
    if not parent.is_dir():
        raise InputError(f"--db {where}: there is no folder {parent}; create it first")
    create_private(Path(str(url.database)))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=20, max_overflow=30)
    event.listen(engine, "connect", _sqlite_settings)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _postgresql(url: Any) -> Engine:
    try:
        import psycopg  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise InputError("--db postgresql://...: needs its driver; pip install 'posttrain[postgresql]'") from error
    return create_engine(url, pool_size=20, max_overflow=30, pool_pre_ping=True)


def _sqlite_settings(connection: Any, record: Any) -> None:
    connection.create_function("lower", 1, str.lower, deterministic=True)  # SQLite's own `lower` only knows A to Z
    connection.isolation_level = None  # `_sqlite_begin` begins transactions, not the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _sqlite_begin(connection: Connection) -> None:
    """Begin a transaction; a writer takes the write lock at once, since a later upgrade from reading could fail."""
    writes = connection.get_execution_options().get("posttrain_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine, to: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":  # servers that start at the same time migrate one after the other
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7605103842)")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            newest = ScriptDirectory.from_config(config).get_current_head()
            raise InputError(
                f"--db: the database was written by a newer posttrain (this one knows schemas up to {newest}); "
                "install that version"
            ) from error


def _shown(where: str) -> str:
    """The database's path or URL, without its password."""
    try:
        return make_url(where).render_as_string(hide_password=True) if "://" in where else where
    except ArgumentError:
        return where.split("@")[-1]


def _first_line(error: Exception) -> str:
    original = error.orig if isinstance(error, DatabaseError) and error.orig is not None else error
    return (str(original).strip().splitlines() or [type(error).__name__])[0][:200]
