"""Nobody's time is wasted: places are given out once, come back when unused, and grow where people disagree."""

from collections import Counter
from itertools import pairwise
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from annotating import Team, in_places, item, team
from posttrain.annotate.db.store import locked_project, reading, writing
from posttrain.annotate.db.tables import assignments, items, judgments
from posttrain.annotate.problems import Conflict, Forbidden, Invalid, Missing
from posttrain.annotate.work.display_order import shown_order, williams_design
from posttrain.annotate.work.queue import assignment_of, next_assignment, renew, set_aside


def state_of(found: Team, name: str) -> tuple[str, int, int]:
    with reading(found.engine) as connection:
        row = connection.execute(select(items).where(items.c.name == name)).one()
        return row.state, row.judged, row.wanted


def put_aside(found: Team, name: str, state: str) -> None:
    assignment = found.next(name)
    assert assignment is not None
    with writing(found.engine) as connection:
        set_aside(connection, locked_project(connection, found.project), assignment, state, "unclear", found.at)


def test_two_people_never_hold_the_only_place_of_an_item(engine: Engine) -> None:
    found = team(engine, item("one"), item("two"))
    first, second = found.next("ann"), found.next("bob")
    assert first is not None
    assert second is not None
    assert {first.item_name, second.item_name} == {"one", "two"}
    assert found.next("cem") is None
    again = found.next("ann")
    assert again is not None
    assert again.id == first.id, "a second request returns the same item"


def test_a_place_is_free_again_when_its_lease_expires(engine: Engine) -> None:
    found = team(engine, item("one"), lease_minutes=10)
    held = found.next("ann")
    assert held is not None
    found.at += 9 * 60
    with writing(engine) as connection:
        renew(connection, locked_project(connection, found.project), held, found.at)
    found.at += 9 * 60
    assert found.next("bob") is None, "renewed in time"
    found.at += 2 * 60
    taken = found.next("bob")
    assert taken is not None
    with pytest.raises(Conflict, match="given to another"):
        found.say("ann", held, in_places(held, "a>b"))
    found.say("bob", taken, in_places(taken, "a>b"))
    assert state_of(found, "one") == ("done", 1, 1)


def test_a_late_judgment_counts_if_nobody_else_took_the_place(engine: Engine) -> None:
    found = team(engine, item("one"))
    held = found.next("ann")
    assert held is not None
    found.at += 10_000
    found.say("ann", held, in_places(held, "a>b"))
    assert state_of(found, "one")[0] == "done"


def test_a_disagreement_of_two_needs_a_third_person_and_then_an_uninvolved_adjudicator(engine: Engine) -> None:
    found = team(engine, item("one"), item("two"), overlap=2, most=3)
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    assert state_of(found, "one") == ("open", 2, 3)
    found.rank("ada", "a>b")
    assert state_of(found, "one") == ("disputed", 3, 3)
    assert found.next("ada", "adjudication") is None, "she has judged it herself"
    found.rank("owen", "a=b", "adjudication")
    assert state_of(found, "one")[0] == "settled"
    for name in ("ann", "bob"):
        found.rank(name, "b>a")
    assert state_of(found, "two") == ("done", 2, 2), "agreement needs no third"


def test_only_people_with_the_permission_adjudicate(engine: Engine) -> None:
    found = team(engine, item("one"), overlap=2)
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    with pytest.raises(Forbidden):
        found.next("cem", "adjudication")
    assert found.next("ada", "adjudication") is not None


def test_skipped_items_go_to_others_and_flagged_ones_are_set_aside(engine: Engine) -> None:
    found = team(engine, item("one"), flags=2)
    put_aside(found, "ann", "skipped")
    assert found.next("ann") is None
    put_aside(found, "bob", "flagged")
    assert state_of(found, "one")[0] == "open"
    put_aside(found, "cem", "flagged")
    assert state_of(found, "one")[0] == "flagged"
    assert found.next("ada") is None


def test_higher_priorities_come_first(engine: Engine) -> None:
    found = team(engine, item("one"), item("two", priority=5), item("three"))
    order = []
    for _ in range(3):
        order.append(found.next("ann").item_name)
        found.rank("ann", "a>b")
    assert order == ["two", "one", "three"]


def test_each_person_sees_each_gold_item_once_and_it_takes_no_place(engine: Engine) -> None:
    gold = [item(f"gold {n}", gold={"a": 1, "b": 2}) for n in range(4)]
    found = team(engine, *gold, *(item(f"item {n}") for n in range(40)), gold_every=5)
    for name in ("ann", "bob"):
        seen = []
        for _ in range(20):
            seen.append(found.next(name).item_name)
            found.rank(name, "a>b")
        assert all(sum(n.startswith("gold") for n in seen[i : i + 5]) == 1 for i in range(0, 20, 5))
        assert len(set(seen)) == 20
    assert state_of(found, "gold 0")[0] == "open"


def test_a_change_of_mind_is_a_further_row_and_the_last_row_counts(engine: Engine) -> None:
    found = team(engine, item("one"), overlap=2)
    first = found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    assert state_of(found, "one")[0] == "disputed"
    with reading(engine) as connection:
        own = connection.execute(select(assignments).where(assignments.c.person_id == found.people["ann"].id)).one()
    found.say("ann", own, in_places(own, "b>a"))
    assert state_of(found, "one") == ("done", 2, 2)
    with reading(engine) as connection:
        rows = connection.execute(select(judgments).where(judgments.c.person_id == found.people["ann"].id)).all()
    assert [row.revision for row in rows] == [1, 2]
    assert rows[0].hash == first.hash


def test_an_item_that_an_adjudicator_settled_cannot_be_judged_again(engine: Engine) -> None:
    found = team(engine, item("one"), overlap=2)
    found.rank("ann", "a>b")
    found.rank("bob", "b>a")
    found.rank("ada", "b>a", "adjudication")
    with reading(engine) as connection:
        own = connection.execute(select(assignments).where(assignments.c.person_id == found.people["ann"].id)).one()
    with pytest.raises(Conflict, match="settled"):
        found.say("ann", own, in_places(own, "b>a"))


def test_a_judgment_that_is_sent_twice_with_one_key_is_stored_once(engine: Engine) -> None:
    found = team(engine, item("one"), item("two"))
    held = found.next("ann")
    assert held is not None
    first = found.say("ann", held, in_places(held, "a>b", duration_ms=10), key="k1")
    assert found.say("ann", held, in_places(held, "a>b", duration_ms=99), key="k1").id == first.id
    with pytest.raises(Invalid, match="another judgment"):
        found.say("ann", held, in_places(held, "b>a"), key="k1")
    other = found.next("ann")
    assert other is not None
    with pytest.raises(Invalid, match="another judgment"):
        found.say("ann", other, in_places(other, "a>b"), key="k1")
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(judgments)).scalar_one() == 1


def test_the_assignment_of_another_person_is_missing(engine: Engine) -> None:
    found = team(engine, item("one"))
    held = found.next("ann")
    assert held is not None
    with reading(engine) as connection:
        for number in (held.id, 999):
            with pytest.raises(Missing, match="no such assignment"):
                assignment_of(connection, number, found.people["bob"])


@pytest.mark.parametrize("ranks", [[1], [1, 2, 3], [0, 1], [1, 3], [-1, 1]])
def test_ranks_that_do_not_fit_the_candidates_are_refused(engine: Engine, ranks: list[int]) -> None:
    found = team(engine, item("one"))
    held = found.next("ann")
    with pytest.raises(Invalid, match="2 whole numbers from 1 to 2"):
        found.say("ann", held, type(in_places(held, "a>b"))(ranks))


def test_the_stored_order_is_the_order_that_the_server_displayed(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(12)))
    for _ in range(12):
        held = found.next("ann")
        row = found.rank("ann", "c>a=b")
        assert row.body["shown_order"] == held.shown
        assert row.body["ranks"] == {"c": 1, "a": 2, "b": 2}


def test_a_person_sees_each_candidate_at_each_place_equally_often(engine: Engine) -> None:
    found = team(engine, *(item(f"item {n}", k=3) for n in range(12)))
    places = Counter()
    for _ in range(12):
        places.update(enumerate(found.next("ann").shown))
        found.rank("ann", "a>b>c")
    assert set(places.values()) == {4}


@given(st.integers(2, 26))
def test_the_design_is_balanced_in_places_and_neighbours(k: int) -> None:
    rows = np.array(williams_design(k))
    assert all(sorted(row) == list(range(k)) for row in rows)
    assert all(sorted(np.bincount(column, minlength=k)) == [len(rows) // k] * k for column in rows.T)
    follows = Counter((int(a), int(b)) for row in rows for a, b in pairwise(row))
    assert len(follows) == k * (k - 1)
    assert len(set(follows.values())) == 1
    assert sorted(shown_order(k, 5, (1, 2))) == list(range(k))


def test_many_people_at_once_take_no_place_twice(engine: Engine) -> None:
    names = [f"person-{n}" for n in range(8)]
    found = team(engine, *(item(f"item {n}") for n in range(30)), people=" ".join(names), overlap=2)

    def work(name: str) -> None:
        while True:
            with writing(engine) as connection:
                project = locked_project(connection, found.project)
                held = next_assignment(connection, project, found.people[name], found.at)
            if held is None:
                return
            found.say(name, held, in_places(held, "a>b"))

    threads = [Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        counts = connection.execute(select(judgments.c.item_id, func.count()).group_by(judgments.c.item_id)).all()
    assert Counter(n for _, n in counts) == {2: 30}
