"""Judgments: each is an append-only row; a change of mind is a further row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select, update

from posttrain.annotate.db.hash_chain import append
from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import assignments, items, judgments
from posttrain.annotate.people.accounts import check_permission
from posttrain.annotate.problems import Conflict, Invalid
from posttrain.annotate.work.projects import settings_of
from posttrain.annotate.work.queue import KIND_PERMISSIONS, check_place
from posttrain.annotate.work.settings import Settings
from posttrain.statistics.rank_distance import dense_ranks, mean_kendall_distance

MAX_REWRITE = 100_000
"""The most characters of a rewrite."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A judgment as a person submits it. It names candidates by their displayed place, from left to right.

    Args:
        ranks: the rank of the candidate at each place; equal ranks are a tie.
        all_bad: whether no candidate is good enough.
        criteria: criterion → the places of the candidates that fulfil it.
        rewrite: a better text than the best candidate.
        duration_ms: how long the person took, by their own clock; it is cut to the time since the lease began.
    """

    ranks: Sequence[int]
    all_bad: bool = False
    criteria: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    rewrite: str | None = None
    duration_ms: int | None = None


def record_judgment(
    connection: Connection,
    project: DbRow,
    person: DbRow,
    assignment: DbRow,
    submission: Submission,
    at: float,
    *,
    key: str | None = None,
    origin: str = "app",
) -> DbRow:
    """Store a judgment; the caller holds the project's lock and has checked whose assignment it is.

    A judgment that is sent again with the same key is stored once, and the first row is returned again.

    Returns:
        the judgment's row.

    Raises:
        Invalid: it does not fit the item, or the key was used for another judgment.
        Conflict: the place was given to another person, or an adjudicator has settled the item.
    """
    check_permission(person, KIND_PERMISSIONS[assignment.kind])
    body = judgment_body(submission, assignment, settings_of(project), at, origin)
    before = None if key is None else _sent_before(connection, person, key)
    if before is not None:
        if before.item_id != assignment.item_id or _without_measurements(before.body) != _without_measurements(body):
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


def judgment_body(
    submission: Submission, assignment: DbRow, settings: Settings, at: float, origin: str
) -> dict[str, Any]:
    """The stored body of a judgment: places become candidate ids, by the order that the server displayed."""
    shown: list[str] = assignment.shown
    if len(submission.ranks) != len(shown) or not all(1 <= rank <= len(shown) for rank in submission.ranks):
        raise Invalid(f"ranks must hold {len(shown)} whole numbers from 1 to {len(shown)}, one for each candidate")
    if unknown := set(submission.criteria) - set(settings.criteria):
        raise Invalid(f"the project has no criterion {sorted(unknown)[0]}")
    if any(not 0 <= place < len(shown) for places in submission.criteria.values() for place in places):
        raise Invalid(f"criteria name candidates by their place, from 0 to {len(shown) - 1}")
    rewrite = submission.rewrite.strip() if submission.rewrite else None
    if rewrite and not settings.rewrite:
        raise Invalid("this project takes no rewrites")
    if rewrite and (len(rewrite) > MAX_REWRITE or "\0" in rewrite):
        raise Invalid(f"a rewrite is a text of at most {MAX_REWRITE:,} characters")
    most = int(1000 * max(0.0, at - assignment.leased))
    return {
        "ranks": dense_ranks(dict(zip(shown, submission.ranks, strict=True))),
        "shown_order": shown,
        "guideline_version": assignment.guideline,
        "duration_ms": None if submission.duration_ms is None else max(0, min(submission.duration_ms, most)),
        "all_bad": submission.all_bad,
        "criteria": {name: sorted({shown[place] for place in places}) for name, places in submission.criteria.items()},
        "rewrite": rewrite or None,
        "origin": origin,
    }


def current_judgments(item: int | None = None, kind: str = "ranking") -> Any:
    """The query for the judgments that count: each person's last judgment of an item.

    Args:
        item: the id of an item; None for all items.
        kind: "ranking" or "adjudication".
    """
    later = judgments.alias("later")
    same = [later.c[name] == judgments.c[name] for name in ("item_id", "person_id", "kind")]
    newer = select(later.c.id).where(*same, later.c.revision > judgments.c.revision).exists()
    query = select(judgments).where(judgments.c.kind == kind, ~newer).order_by(judgments.c.number)
    return query if item is None else query.where(judgments.c.item_id == item)


def _without_measurements(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body without the fields that may differ when the same judgment is sent again."""
    return {name: value for name, value in body.items() if name not in ("duration_ms", "guideline_version")}


def _sent_before(connection: Connection, person: DbRow, key: str) -> DbRow | None:
    query = select(judgments).where(judgments.c.person_id == person.id, judgments.c.key == key)
    return connection.execute(query).one_or_none()


def _revisions(connection: Connection, assignment: DbRow) -> int:
    where = [judgments.c[name] == getattr(assignment, name) for name in ("item_id", "person_id", "kind")]
    return connection.execute(select(func.count()).select_from(judgments).where(*where)).scalar_one()


def _check_open_to_change(connection: Connection, assignment: DbRow) -> None:
    state = connection.execute(select(items.c.state).where(items.c.id == assignment.item_id)).scalar_one()
    if state == "settled" and assignment.kind == "ranking":
        raise Conflict("an adjudicator has settled this item; it cannot be changed any more")


def _settle(connection: Connection, settings: Settings, assignment: DbRow, *, first: bool) -> None:
    """Update the item after a judgment: it is done, or it needs a further person or an adjudicator."""
    item = connection.execute(select(items).where(items.c.id == assignment.item_id)).one()
    if assignment.kind == "adjudication":
        connection.execute(update(items).where(items.c.id == item.id).values(state="settled"))
        return
    judged = item.judged + first
    values: dict[str, Any] = {"judged": judged}
    if item.gold is None and judged >= item.wanted and item.state != "flagged":
        rankings = [row.body["ranks"] for row in connection.execute(current_judgments(item.id))]
        if mean_kendall_distance(rankings) <= settings.disagreement:
            values["state"] = "done"
        elif item.wanted < (settings.most or settings.overlap):
            values |= {"state": "open", "wanted": item.wanted + 1}
        else:
            values["state"] = "disputed" if settings.adjudicate else "done"
    connection.execute(update(items).where(items.c.id == item.id).values(values))
