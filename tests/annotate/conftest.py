"""Real databases: an SQLite file, and a PostgreSQL server that is started for the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from absences import absent
from posttrain.annotate.db.store import open_store

_NUMBER = count()


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).parent if found else next((f for f in folders if (f / "initdb").is_file()), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL server that is started for these tests; it refuses root, so then another user runs it."""
    binaries = _binaries()
    if binaries is None:
        absent("PostgreSQL's server (initdb) is not installed")
    as_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="posttrain-postgresql-"))
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            absent("these tests run as root, and there is no user postgres to run PostgreSQL as")
        as_user = ["runuser", "-u", "postgres", "--"]
        os.chown(folder, user.pw_uid, user.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = [*as_user, f"{binaries}/initdb", "-D", f"{folder}/db", "-U", "posttrain", "-A", "trust", "-E", "UTF8"]
    subprocess.run(run, check=True, capture_output=True, cwd=folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    control = [*as_user, f"{binaries}/pg_ctl", "-D", f"{folder}/db", "-w", "-l", f"{folder}/log"]
    subprocess.run([*control, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield f"postgresql://posttrain@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database: a file, or one on the server."""
    if request.param == "sqlite":
        return str(tmp_path / "annotate.db")
    url: str = request.getfixturevalue("postgresql")
    name = f"posttrain_{next(_NUMBER)}"
    admin = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return url.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def engine(where: str) -> Iterator[Engine]:
    engine = open_store(where)
    yield engine
    engine.dispose()
