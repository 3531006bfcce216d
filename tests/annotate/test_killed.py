"""The server is killed while many annotators work: no judgment is lost or doubled, and no place is taken twice."""

import pytest

from annotate_load import database_errors, run_load
from annotate_server import running


def test_no_judgment_is_lost_when_the_server_is_killed_twice(where: str) -> None:
    with running(where) as server:
        load = run_load(server, people=6, each=15, kills=2)
    assert load.kills == 2
    assert len(load.accepted) == 90
    assert database_errors(where, load, overlap=2) == []


def test_two_servers_on_one_database_give_no_place_twice(where: str) -> None:
    with running(where) as server, running(where) as other:
        server.owner_link = other.owner_link  # the later start's link is the one that is good
        load = run_load(server, people=6, each=10, beside=other)
    assert len(load.accepted) == 60
    assert database_errors(where, load, overlap=2) == []


@pytest.mark.slow
def test_no_judgment_is_lost_when_the_server_is_killed_twenty_times(where: str) -> None:
    with running(where) as server:
        load = run_load(server, people=50, each=200, kills=20)
    print(f"p95 {load.p95 * 1000:.0f} ms, {len(load.accepted) / load.wall:.0f} judgments/s, {load.retried} retries")
    assert load.kills == 20
    assert len(load.accepted) == 10_000
    assert database_errors(where, load, overlap=2) == []
