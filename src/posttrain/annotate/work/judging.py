"""What a person says of an item becomes a row for good; a change of mind is a further row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select, update

from posttrain.annotate.db.hash_chain import append
from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import assignments, items, judgments
from posttrain.annotate.people.accounts import check_may
from posttrain.annotate.problems import Conflict, Invalid
from posttrain.annotate.work.projects import settings_of
from posttrain.annotate.work.queue import DEEDS, check_place
from posttrain.annotate.work.settings import Settings
from posttrain.statistics.rank_distance import dense, disagreement

MOST_REWRITE = 100_000
"""Characters of a rewrite."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says, candidates named by their place from left to right, as they were shown.

    Args:
        ranks: rank of the candidate at each place; equal ranks are a tie.
        all_bad: none of them is good enough.
        criteria: criterion → the places it holds for.
        rewrite: a better text than the best one.
        duration_ms: how long it took, by the person's own clock; kept within the lease's time.
    """

    ranks: Sequence[int]
    all_bad: bool = False
    criteria: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    rewrite: str | None = None
    duration_ms: int | None = None


def judge(
    connection: Connection,
    project: Row,
    person: Row,
    assignment: Row,
    said: Said,
    at: float,
    *,
    key: str | None = None,
    origin: str = "app",
) -> Row:
    """Keep a judgment; the caller holds the project's lock and has checked whose assignment it is.

    Sent again with the same key, it is kept once and the first answer is given again.

    Returns:
        the judgment's row.

    Raises:
        Invalid: it does not fit the item, or the key was used for something else.
        Conflict: the place is no longer this person's, or an adjudicator has settled the item.
    """
    check_may(person, DEEDS[assignment.kind])
    body = body_of(said, assignment, settings_of(project), at, origin)
    before = None if key is None else _sent_before(connection, person, key)
    if before is not None:
        if before.item_id != assignment.item_id or _spoken(before.body) != _spoken(body):
            raise Invalid("this Idempotency-Key was used for another judgment")
        return before
    revision = _revisions(connection, assignment) + 1
    if revision == 1:
        check_place(connection, assignment, at)
    else:
        _check_open_to_change(connection, assignment)
    values = {
        "item_id": assignment.item_id,
        "person_id": person.id,
        "kind": assignment.kind,
        "revision": revision,
        "body": body,
        "created": at,
        "key": key,
    }
    row = append(connection, project, values)
    judged = update(assignments).where(assignments.c.id == assignment.id)
    connection.execute(judged.values(state="judged", expires=at))
    _settle(connection, settings_of(project), assignment, first=revision == 1)
    return row


def body_of(said: Said, assignment: Row, settings: Settings, at: float, origin: str) -> dict[str, Any]:
    """What is kept of a judgment: places become candidates by the order that the server had shown."""
    shown: list[str] = assignment.shown
    if len(said.ranks) != len(shown) or not all(1 <= rank <= len(shown) for rank in said.ranks):
        raise Invalid(f"ranks must hold {len(shown)} whole numbers from 1 to {len(shown)}, one for each candidate")
    if unknown := set(said.criteria) - set(settings.criteria):
        raise Invalid(f"the project has no criterion {sorted(unknown)[0]}")
    if any(not 0 <= place < len(shown) for places in said.criteria.values() for place in places):
        raise Invalid(f"criteria name candidates by their place, from 0 to {len(shown) - 1}")
    rewrite = said.rewrite.strip() if said.rewrite else None
    if rewrite and not settings.rewrite:
        raise Invalid("this project takes no rewrites")
    if rewrite and (len(rewrite) > MOST_REWRITE or "\0" in rewrite):
        raise Invalid(f"a rewrite is a text of at most {MOST_REWRITE:,} characters")
    most = int(1000 * max(0.0, at - assignment.leased))
    return {
        "ranks": dense(dict(zip(shown, said.ranks, strict=True))),
        "shown_order": shown,
        "guideline_version": assignment.guideline,
        "duration_ms": None if said.duration_ms is None else max(0, min(said.duration_ms, most)),
        "all_bad": said.all_bad,
        "criteria": {name: sorted({shown[place] for place in places}) for name, places in said.criteria.items()},
        "rewrite": rewrite or None,
        "origin": origin,
    }


def current(item: int | None = None, kind: str = "ranking") -> Any:
    """Query of the judgments that count: each person's last word on an item.

    Args:
        item: of one item alone.
        kind: rankings, or adjudications.
    """
    later = judgments.alias("later")
    same = [later.c[name] == judgments.c[name] for name in ("item_id", "person_id", "kind")]
    newer = select(later.c.id).where(*same, later.c.revision > judgments.c.revision).exists()
    query = select(judgments).where(judgments.c.kind == kind, ~newer).order_by(judgments.c.number)
    return query if item is None else query.where(judgments.c.item_id == item)


def _spoken(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without what a second sending may measure otherwise."""
    return {name: value for name, value in body.items() if name not in ("duration_ms", "guideline_version")}


def _sent_before(connection: Connection, person: Row, key: str) -> Row | None:
    query = select(judgments).where(judgments.c.person_id == person.id, judgments.c.key == key)
    return connection.execute(query).one_or_none()


def _revisions(connection: Connection, assignment: Row) -> int:
    where = [judgments.c[name] == getattr(assignment, name) for name in ("item_id", "person_id", "kind")]
    return connection.execute(select(func.count()).select_from(judgments).where(*where)).scalar_one()


def _check_open_to_change(connection: Connection, assignment: Row) -> None:
    state = connection.execute(select(items.c.state).where(items.c.id == assignment.item_id)).scalar_one()
    if state == "settled" and assignment.kind == "ranking":
        raise Conflict("an adjudicator has settled this item; it cannot be changed any more")


def _settle(connection: Connection, settings: Settings, assignment: Row, *, first: bool) -> None:
    """After a judgment: is the item done, is a further person asked, or an adjudicator?"""
    item = connection.execute(select(items).where(items.c.id == assignment.item_id)).one()
    if assignment.kind == "adjudication":
        connection.execute(update(items).where(items.c.id == item.id).values(state="settled"))
        return
    judged = item.judged + first
    values: dict[str, Any] = {"judged": judged}
    if item.gold is None and judged >= item.wanted and item.state != "flagged":
        said = [row.body["ranks"] for row in connection.execute(current(item.id))]
        if disagreement(said) <= settings.disagreement:
            values["state"] = "done"
        elif item.wanted < (settings.most or settings.overlap):
            values |= {"state": "open", "wanted": item.wanted + 1}
        else:
            values["state"] = "disputed" if settings.adjudicate else "done"
    connection.execute(update(items).where(items.c.id == item.id).values(values))
