"""The database stores judgments, refuses to change them, and detects changes from outside."""

import os
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.exc import DatabaseError
from starlette.testclient import TestClient

from annotating import Team, item, team
from posttrain.annotate.db import store
from posttrain.annotate.db.database_file import back_up
from posttrain.annotate.db.hash_chain import broken_links
from posttrain.annotate.db.store import open_store, reading, using, writing
from posttrain.annotate.db.tables import audit, guidelines, invitations, judgments, metadata, projects, tokens
from posttrain.annotate.people.invitations import open_invitations
from posttrain.annotate.web.app import make_app
from posttrain.errors import InputError


@pytest.fixture
def judged(engine: Engine) -> Team:
    found = team(engine, item("one"), item("two"), item("three"))
    for order in ("a>b", "b>a", "a=b"):
        found.rank("ann", order)
    return found


def problems(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(broken_links(connection, connection.execute(select(projects)).one()))


def test_the_migrations_lead_to_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_database_of_the_first_schema_is_migrated_to_the_newest(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are written as SQL: the code of today does not write yesterday's tables."""
    bring = store._migrate  # pyright: ignore[reportPrivateUsage]
    with monkeypatch.context() as patch:
        patch.setattr(store, "_migrate", lambda engine: bring(engine, "0001"))
        old = open_store(where)
    people = [(1, "owen", "owner", True), (2, "adam", "admin", False), (3, "eve", "admin", True)]
    links = [
        (1, "owner", 50.0, None),
        (2, "admin", 60.0, None),
        (3, "annotator", 70.0, None),
        (4, "viewer", 80.0, 81.0),
    ]
    with writing(old) as connection:
        for row in people:
            values = dict(zip(("id", "name", "role", "active"), row, strict=True))
            insert = "INSERT INTO people (id, name, role, origin, active, created)"
            connection.execute(text(f"{insert} VALUES (:id, :name, :role, 'app', :active, 1)"), values)
        for row in links:
            values = dict(zip(("id", "role", "at", "used"), row, strict=True))
            insert = "INSERT INTO invitations (id, secret, role, created, expires, used)"
            connection.execute(text(f"{insert} VALUES (:id, :id, :role, :at, 9999999999, :used)"), values)
        for by, at in ((None, 50.0), (2, 60.0), (3, 70.0)):
            insert = "INSERT INTO audit (at, person_id, action, detail) VALUES (:at, :by, 'invited', '{}')"
            connection.execute(text(insert), {"at": at, "by": by})
        connection.execute(text("INSERT INTO tokens (id, secret, person_id, name, created) VALUES (1, 't', 1, 'n', 1)"))
    old.dispose()
    again = open_store(where)
    with again.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        found = connection.execute(select(invitations).order_by(invitations.c.id)).all()
        assert [row.inviter_id for row in found] == [None, 2, 3, None]
        assert [row.first for row in found] == [True, False, False, False]
        assert [row.revoked is not None for row in found] == [False, True, False, False], "adam is locked out"
        assert [row.id for row in open_invitations(connection, 1000.0)] == [3], "there is an owner"
        assert connection.execute(select(tokens.c.name, tokens.c.parent_id)).all() == [("n", None)]
    with pytest.raises(DatabaseError), writing(again) as connection:
        connection.execute(delete(audit))
    again.dispose()


def test_a_database_that_is_opened_again_has_the_same_content(judged: Team, where: str) -> None:
    again = open_store(where)
    with reading(again) as connection:
        assert len(connection.execute(select(judgments)).all()) == 3
    assert problems(again) == []
    again.dispose()


@pytest.mark.parametrize("table", [judgments, audit, guidelines], ids=lambda t: t.name)
def test_the_database_itself_refuses_to_change_or_delete_append_only_rows(judged: Team, table: object) -> None:
    column = {"judgments": "kind", "audit": "action", "guidelines": "text"}[table.name]
    for statement in (update(table).values({column: "ranking"}), delete(table)):
        with pytest.raises(DatabaseError, match="append-only"), writing(judged.engine) as connection:
            connection.execute(statement)


_BOB = "(SELECT id FROM people WHERE name = 'bob')"
_TURNED = "REPLACE(CAST(body AS TEXT), '\"a\": 1', '\"a\": 2')"
TAMPERED = {
    "a rank turned": f"UPDATE judgments SET body = {_TURNED}{{json}} WHERE number = 1",
    "another person's name": f"UPDATE judgments SET person_id = {_BOB} WHERE number = 2",
    "a later time": "UPDATE judgments SET created = created + 1 WHERE number = 3",
    "a row cut out": "DELETE FROM judgments WHERE number = 2",
    "the end cut off": "DELETE FROM judgments WHERE number = 3",
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampering_is_detected(judged: Team, case: str) -> None:
    sqlite = judged.engine.dialect.name == "sqlite"
    statement = TAMPERED[case].replace("{json}", "" if sqlite else "::json")
    with writing(judged.engine) as connection:
        if sqlite:
            connection.execute(text("DROP TRIGGER judgments_no_UPDATE"))
            connection.execute(text("DROP TRIGGER judgments_no_DELETE"))
        else:
            connection.execute(text("DROP TRIGGER judgments_append_only ON judgments"))
    assert problems(judged.engine) == []
    with writing(judged.engine) as connection:
        assert connection.execute(text(statement)).rowcount == 1
    assert problems(judged.engine)


def test_sqlite_syncs_every_commit(tmp_path: Path) -> None:
    engine = open_store(tmp_path / "a.db")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_no_other_user_of_the_machine_may_read_the_database(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made, found, shared = tmp_path / "made.db", tmp_path / "found.db", tmp_path / "shared.db"
        found.touch(0o644)
        shared.touch(0o640)
        for where, mode in ((made, 0o600), (found, 0o600), (shared, 0o640)):
            with using(where) as engine, writing(engine) as connection:
                connection.execute(audit.insert().values(at=0.0, action="x", detail={}))
                files = sorted(tmp_path.glob(f"{where.name}*"))
                assert [path.name.removeprefix(where.name) for path in files] == ["", "-shm", "-wal"]
                assert [path.stat().st_mode & 0o777 for path in files] == [mode] * 3
    finally:
        os.umask(before)


def test_a_backup_has_the_latest_changes(tmp_path: Path) -> None:
    where, out = tmp_path / "a.db", tmp_path / "copy.db"
    with using(where) as engine:
        with writing(engine) as connection:
            connection.execute(audit.insert().values(at=0.0, action="early", detail={}))
        with writing(engine) as connection:
            back_up(where, out)
            connection.execute(audit.insert().values(at=0.0, action="late", detail={}))
        assert (tmp_path / "a.db-wal").stat().st_size > 0
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]
    assert out.stat().st_mode & 0o777 == 0o600
    with using(out) as engine, reading(engine) as connection:
        assert connection.execute(select(audit.c.action)).scalars().all() == ["early"]
    missing = tmp_path / "b.db"
    for source, target, expected in ((where, out, "there already"), (missing, tmp_path / "x", "no such file")):
        with pytest.raises(InputError, match=expected):
            back_up(source, target)
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as the header of one " * 20)
    with pytest.raises(InputError, match="not a database"):
        back_up(tmp_path / "notes.txt", tmp_path / "x")
    assert not list(tmp_path.glob("x*"))


def test_a_path_that_is_no_database_gives_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as the header of one " * 20)
    cases = {
        str(tmp_path / "notes.txt"): "not a database",
        str(tmp_path / "nowhere/a.db"): "no folder",
        "mysql://host/db": "not mysql",
        "postgresql://u:secret@127.0.0.1:1/db": "cannot be opened",
        "": "name a file",
        "sqlite://": "name a file",
        "sqlite:///:memory:": "name a file",
        "://x": "neither a file nor a URL",
        str(tmp_path): "unable to open",
    }
    for where, expected in cases.items():
        with pytest.raises(InputError, match=expected) as caught:
            open_store(where)
        assert "secret" not in str(caught.value)


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    engine = open_store(tmp_path / "a.db")
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(InputError, match="newer posttrain"):
        open_store(tmp_path / "a.db")


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE people (x)")
    with pytest.raises(InputError, match="people already exists"):
        open_store(tmp_path / "other.db")
    with sqlite3.connect(tmp_path / "other.db") as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("people",)]


def test_a_database_that_is_locked_or_fails_while_open_gives_a_one_line_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "a.db"
    open_store(where).dispose()
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(where)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InputError, match="is locked"):
        open_store(where)
    other.close()
    with pytest.raises(InputError, match=r"a\.db: .*disk is full"):
        _fill(where)


def _fill(where: Path) -> None:
    with using(where) as engine, writing(engine) as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for _ in range(2000):
            connection.execute(audit.insert().values(at=0.0, action="x", detail={"filler": "x" * 1000}))


def test_the_app_reports_an_unusable_database_and_works_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.05)
    with using(tmp_path / "a.db") as engine, TestClient(make_app(engine)) as http:
        wrong = {"name": "nobody", "password": "a wrong password"}
        other = sqlite3.connect(tmp_path / "a.db")
        other.execute("BEGIN IMMEDIATE")
        answer = http.post("/api/v1/sessions", json=wrong)
        assert (answer.status_code, "try again" in answer.json()["detail"]) == (503, True)
        other.close()
        assert http.post("/api/v1/sessions", json=wrong).status_code == 401
