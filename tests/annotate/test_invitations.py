"""Invitations and tokens end with the rights of the person who made them; both are listed and can be revoked."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from annotating import START
from posttrain.annotate.db.store import DbRow, now, writing
from posttrain.annotate.db.tables import people
from posttrain.annotate.people.accounts import add_person, change_person
from posttrain.annotate.people.credentials import new_token, revoke_token, token_of, tokens_of
from posttrain.annotate.people.invitations import (
    INVITATION_SECONDS,
    invite,
    invite_first_owner,
    join,
    open_invitations,
    revoke_invitation,
    usable_invitation,
)
from posttrain.annotate.problems import Forbidden, Missing
from posttrain.annotate.web.app import make_app

PASSWORD = "a long enough password"


@pytest.fixture
def owen(engine: Engine) -> DbRow:
    with writing(engine) as connection:
        return add_person(connection, "owen", "owner", START)


@pytest.fixture
def adam(engine: Engine) -> DbRow:
    with writing(engine) as connection:
        return add_person(connection, "adam", "admin", START)


def is_open(engine: Engine, secret: str | None, at: float = START) -> bool:
    with writing(engine) as connection:
        try:
            return usable_invitation(connection, secret or "", at) is not None
        except Missing:
            return False


def test_a_new_start_replaces_the_earlier_owner_link(engine: Engine) -> None:
    with writing(engine) as connection:
        first, second = (invite_first_owner(connection, START) for _ in range(2))
    assert (is_open(engine, first), is_open(engine, second)) == (False, True)


def test_an_owner_link_is_void_once_there_is_an_owner(engine: Engine) -> None:
    with writing(engine) as connection:
        first = invite_first_owner(connection, START)
        by_hand = invite(connection, None, "owner", START)
        join(connection, by_hand, "owen", PASSWORD, START)
        assert invite_first_owner(connection, START) is None
        assert open_invitations(connection, START) == []
        with pytest.raises(Missing):
            join(connection, first or "", "mallory", PASSWORD, START)
        second = invite(connection, None, "owner", START)
    assert is_open(engine, second), "the command line may still make owners"


@pytest.mark.parametrize("change", [{"active": False}, {"role": "viewer"}, {"role": "annotator"}])
def test_invitations_end_with_the_rights_of_the_person_who_made_them(
    engine: Engine, owen: DbRow, adam: DbRow, change: dict[str, Any]
) -> None:
    with writing(engine) as connection:
        link, other = invite(connection, adam, "admin", START), invite(connection, owen, "admin", START)
        change_person(connection, owen, adam.id, START, **{"role": None, "active": None, **change})
    assert (is_open(engine, link), is_open(engine, other)) == (False, True)
    with pytest.raises(Forbidden), writing(engine) as connection:
        invite(connection, adam, "annotator", START)  # a request that began before
    with writing(engine) as connection:
        change_person(connection, owen, adam.id, START, role="admin", active=True)
    assert not is_open(engine, link), "nor do they come back"


def test_open_invitations_are_listed_and_revoked(engine: Engine, owen: DbRow, adam: DbRow) -> None:
    with writing(engine) as connection:
        links = [invite(connection, by, "annotator", START) for by in (None, owen, adam)]
        above = invite(connection, owen, "owner", START)
        join(connection, links[0], "ann", PASSWORD, START)
        rows = open_invitations(connection, START)
        assert [(row.role, row.by) for row in rows] == [("annotator", "owen"), ("annotator", "adam"), ("owner", "owen")]
        assert open_invitations(connection, START + INVITATION_SECONDS) == []
        revoke_invitation(connection, adam, rows[0].id, START)
        with pytest.raises(Missing):
            revoke_invitation(connection, adam, rows[0].id, START)
        with pytest.raises(Forbidden):
            revoke_invitation(connection, adam, rows[2].id, START)
    assert [is_open(engine, link) for link in (*links[1:], above)] == [False, True, True]


def test_tokens_and_invitations_end_with_the_token_that_made_them(engine: Engine, owen: DbRow) -> None:
    with writing(engine) as connection:
        first, secret = new_token(connection, owen, "first", START)
        child = new_token(connection, token_of(connection, secret), "child", START)[1]
        grandchild = new_token(connection, token_of(connection, child), "grandchild", START)[1]
        link = invite(connection, token_of(connection, grandchild), "admin", START)
        aside = new_token(connection, owen, "aside", START)[1]
        held = token_of(connection, secret)
        revoke_token(connection, owen, first, START)
        alive = [token_of(connection, one) is not None for one in (secret, child, grandchild, aside)]
        assert alive == [False, False, False, True]
        assert [row.name for row in tokens_of(connection, owen)] == ["aside"]
    assert not is_open(engine, link)
    for late in (lambda c: new_token(c, held, "late", START), lambda c: invite(c, held, "admin", START)):
        with pytest.raises(Forbidden), writing(engine) as connection:
            late(connection)


@pytest.fixture
def http(engine: Engine, owen: DbRow) -> Iterator[TestClient]:
    with writing(engine) as connection:
        secret = new_token(connection, owen, "script", START)[1]
    with TestClient(make_app(engine), headers={"Authorization": f"Bearer {secret}"}) as http:
        yield http


def test_the_api_and_the_pages_list_and_revoke_open_invitations_and_tokens(http: TestClient, engine: Engine) -> None:
    path = http.post("/api/v1/invitations", json={"role": "viewer"}).json()["path"]
    (one,) = http.get("/api/v1/invitations").json()["items"]
    assert (one["role"], one["by"], one["expires"] > now()) == ("viewer", "owen", True)
    assert f"/api/v1/invitations/{one['id']}" in http.get("/people").text
    assert http.delete(f"/api/v1/invitations/{one['id']}").status_code == 204
    assert http.delete(f"/api/v1/invitations/{one['id']}").status_code == 404
    assert http.get(path).status_code == 404
    made = http.post("/api/v1/tokens", json={"name": "second"}).json()
    listed = http.get("/api/v1/tokens").json()["items"]
    assert [(token["name"], token["parent_id"]) for token in listed] == [("script", None), ("second", listed[0]["id"])]
    assert "token" not in listed[0]
    assert f"/api/v1/tokens/{made['id']}" in http.get("/api").text
    assert http.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    with writing(engine) as connection:
        assert connection.execute(select(people.c.name)).scalars().all() == ["owen"]
