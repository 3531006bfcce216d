"""The queue: which item a person judges next.

An item has as many places as it needs judgments. A judgment or an unexpired lease takes a place. The caller of every
function here holds the project's lock, so that no place is taken twice.
"""

from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, exists, func, insert, select, update

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import assignments, items, judgments
from posttrain.annotate.people.accounts import check_permission, log_action
from posttrain.annotate.problems import Conflict, Missing
from posttrain.annotate.work.display_order import shown_order
from posttrain.annotate.work.projects import guideline_of, settings_of
from posttrain.annotate.work.settings import Settings

KIND_PERMISSIONS = {"ranking": "judge", "adjudication": "adjudicate"}
"""kind of assignment → the permission that a person needs."""


def next_assignment(
    connection: Connection, project: DbRow, person: DbRow, at: float, kind: str = "ranking"
) -> DbRow | None:
    """Lease the next item to a person: the item they hold already, or else a free item; None if there is none."""
    check_permission(person, KIND_PERMISSIONS[kind])
    settings = settings_of(project)
    held = _held(connection, project, person, at, kind)
    item = None if held is not None else _free_item(connection, project, person, at, kind, settings)
    if held is None and item is None:
        return None
    until = at + 60 * settings.lease_minutes
    if held is not None:
        renewed = update(assignments).where(assignments.c.id == held.id).values(expires=until)
        return connection.execute(renewed.returning(assignments)).one()
    return _lease(connection, project, person, item, kind, at, until)


def assignment_of(connection: Connection, number: int, person: DbRow) -> DbRow:
    """A person's own assignment, with its item's columns under the prefix ``item_``.

    Raises:
        Missing: it does not exist, or it belongs to another person.
    """
    columns = [column.label(f"item_{column.name}") for column in items.c if column.name != "id"]
    joined = select(assignments, *columns).join(items, items.c.id == assignments.c.item_id)
    row = connection.execute(joined.where(assignments.c.id == number)).one_or_none()
    if row is None or row.person_id != person.id:
        raise Missing("there is no such assignment of yours")
    return row


def renew(connection: Connection, project: DbRow, assignment: DbRow, at: float) -> float:
    """Extend a lease, if its place is still free.

    Returns:
        the time at which the lease expires.

    Raises:
        Conflict: the lease ran out and the place was given to another person.
    """
    if assignment.state != "leased":
        raise Conflict("this item is not being judged any more")
    check_place(connection, assignment, at)
    until = at + 60 * settings_of(project).lease_minutes
    connection.execute(update(assignments).where(assignments.c.id == assignment.id).values(expires=until))
    return until


def set_aside(connection: Connection, project: DbRow, assignment: DbRow, state: str, reason: str, at: float) -> None:
    """Skip or flag an item, with a reason; its place becomes free for other people.

    Raises:
        Conflict: the person has judged it already.
    """
    if assignment.state == "judged":
        raise Conflict("you have judged this item already")
    values = {"state": state, "reason": reason, "expires": at}
    connection.execute(update(assignments).where(assignments.c.id == assignment.id).values(values))
    log_action(connection, at, assignment.person_id, state, item=assignment.item_id, reason=reason)
    flags = select(func.count()).where(assignments.c.item_id == assignment.item_id, assignments.c.state == "flagged")
    if state == "flagged" and connection.execute(flags).scalar_one() >= settings_of(project).flags:
        flagged = update(items).where(items.c.id == assignment.item_id, items.c.state == "open")
        connection.execute(flagged.values(state="flagged"))


def check_place(connection: Connection, assignment: DbRow, at: float) -> None:
    """Check that the assignment holds a place, or that a place is free.

    Raises:
        Conflict: the lease expired, and another person has the place.
    """
    if assignment.state == "leased" and assignment.expires > at:
        return
    item = connection.execute(select(items).where(items.c.id == assignment.item_id)).one()
    if assignment.kind == "adjudication":
        free = item.state == "disputed" and not _count_leases(connection, item.id, "adjudication", at)
    elif item.gold is not None:
        free = True
    else:
        free = item.state == "open" and item.judged + _count_leases(connection, item.id, "ranking", at) < item.wanted
    if not free:
        raise Conflict("the time for this item ran out, and it was given to another person")


def _held(connection: Connection, project: DbRow, person: DbRow, at: float, kind: str) -> DbRow | None:
    joined = select(assignments).join(items, items.c.id == assignments.c.item_id)
    where = (
        items.c.project_id == project.id,
        assignments.c.person_id == person.id,
        assignments.c.kind == kind,
        assignments.c.state == "leased",
        assignments.c.expires > at,
    )
    return connection.execute(joined.where(*where).order_by(assignments.c.id).limit(1)).one_or_none()


def _free_item(
    connection: Connection, project: DbRow, person: DbRow, at: float, kind: str, settings: Settings
) -> DbRow | None:
    query = select(items).where(items.c.project_id == project.id, ~_seen(person, kind)).limit(1)
    query = query.order_by(items.c.turn, items.c.id)
    if kind == "adjudication":
        judged = exists().where(judgments.c.item_id == items.c.id, judgments.c.person_id == person.id)
        return connection.execute(query.where(items.c.state == "disputed", ~judged, _live(kind, at) == 0)).one_or_none()
    query = query.where(items.c.state == "open")
    ordinary = query.where(items.c.gold.is_(None), items.c.judged + _live(kind, at) < items.c.wanted)
    gold = query.where(items.c.gold.is_not(None))
    queries = [gold, ordinary] if _is_gold_turn(connection, project, person, settings) else [ordinary]
    rows = (connection.execute(query).one_or_none() for query in queries)
    return next((row for row in rows if row is not None), None)


def _is_gold_turn(connection: Connection, project: DbRow, person: DbRow, settings: Settings) -> bool:
    """Whether the next item is a gold item: one in `gold_every`, at a random position of its block."""
    if not settings.gold_every:
        return False
    block, place = divmod(_shown_before(connection, project, person, None), settings.gold_every)
    return place == np.random.default_rng([project.id, person.id, block]).integers(settings.gold_every)


def _seen(person: DbRow, kind: str) -> ColumnElement[bool]:
    """The condition that the person has judged, skipped or flagged the item; an expired lease may be taken again."""
    return exists().where(
        assignments.c.item_id == items.c.id,
        assignments.c.person_id == person.id,
        assignments.c.kind == kind,
        assignments.c.state != "leased",
    )


def _live(kind: str, at: float) -> Any:
    live = (assignments.c.kind == kind, assignments.c.state == "leased", assignments.c.expires > at)
    return select(func.count()).where(assignments.c.item_id == items.c.id, *live).correlate(items).scalar_subquery()


def _count_leases(connection: Connection, item: int, kind: str, at: float) -> int:
    live = (assignments.c.kind == kind, assignments.c.state == "leased", assignments.c.expires > at)
    return connection.execute(select(func.count()).where(assignments.c.item_id == item, *live)).scalar_one()


def _shown_before(connection: Connection, project: DbRow, person: DbRow, k: int | None) -> int:
    """The number of items that the person has seen; `k` counts only items with k candidates."""
    joined = select(func.count()).select_from(assignments).join(items, items.c.id == assignments.c.item_id)
    where = [items.c.project_id == project.id, assignments.c.person_id == person.id]
    if k is not None:
        where.append(func.json_array_length(items.c.candidates) == k)
    return connection.execute(joined.where(*where)).scalar_one()


def _lease(
    connection: Connection, project: DbRow, person: DbRow, item: DbRow, kind: str, at: float, until: float
) -> DbRow:
    """Lease an item; an expired lease of the person is renewed with its display order."""
    guideline = guideline_of(connection, project.id).version
    timing = {"state": "leased", "leased": at, "expires": until, "guideline": guideline, "reason": None}
    own = (assignments.c.item_id == item.id, assignments.c.person_id == person.id, assignments.c.kind == kind)
    again = connection.execute(update(assignments).where(*own).values(timing).returning(assignments)).one_or_none()
    if again is not None:
        return again
    k = len(item.candidates)
    order = shown_order(k, _shown_before(connection, project, person, k), (project.id, person.id))
    shown = [item.candidates[place]["id"] for place in order]
    values = {"item_id": item.id, "person_id": person.id, "kind": kind, "shown": shown, **timing}
    return connection.execute(insert(assignments).values(values).returning(assignments)).one()
