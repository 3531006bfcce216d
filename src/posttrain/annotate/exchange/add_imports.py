"""Add imported items and rankings to a project."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select, update

from posttrain.annotate.db.hash_chain import append
from posttrain.annotate.db.store import locked_project
from posttrain.annotate.db.tables import items, people, projects
from posttrain.annotate.exchange.row_parsing import ImportedItem, Vote
from posttrain.annotate.people.accounts import add_person, log_action
from posttrain.annotate.people.names import tidy_name
from posttrain.annotate.problems import Invalid
from posttrain.annotate.work.projects import Item, add_items, guideline_of
from posttrain.errors import InputError
from posttrain.statistics.rank_distance import dense_ranks


def add_imports(
    connection: Connection, project: int, imported: Iterator[ImportedItem], at: float, *, by: int | None
) -> dict[str, int]:
    """Add items; their rankings are appended to the project's chain as imported judgments.

    Returns:
        the numbers of added items, judgments and people, and of items that were in the project already.
    """
    row = locked_project(connection, project)
    version = guideline_of(connection, project).version
    entries = list(imported)
    new = add_items(connection, row, (entry.item for entry in entries))
    known = {r.name.lower(): r.id for r in connection.execute(select(people.c.name, people.c.id))}
    before, judgments = len(known), 0
    for entry in entries:
        if entry.item.name not in new:
            continue
        last: dict[str, Vote] = {tidy_name(vote.person).lower(): vote for vote in entry.votes}
        for name, vote in last.items():
            if name not in known:
                known[name] = _add_annotator(connection, entry.where, vote, at)
            append(connection, row, _judgment(entry.item, new[entry.item.name], known[name], vote, version, at))
            row = connection.execute(select(projects).where(projects.c.id == project)).one()
            judgments += 1
        if last:
            done = update(items).where(items.c.id == new[entry.item.name])
            connection.execute(done.values(judged=len(last), wanted=len(last), state="done"))
    counts = {
        "items": len(new),
        "judgments": judgments,
        "people": len(known) - before,
        "known already": len(entries) - len(new),
    }
    log_action(connection, at, by, "imported", project=project, **counts)
    return counts


def _add_annotator(connection: Connection, where: str, vote: Vote, at: float) -> int:
    """Add the person of an imported judgment, who never signs in."""
    try:
        return add_person(connection, vote.person, "annotator", at, origin=_origin(vote)).id
    except Invalid as problem:
        raise InputError(f"{where}: the annotator {vote.person[:60]!r}: {problem}") from problem


def _origin(vote: Vote) -> str:
    return "simulated" if vote.simulated else "import"


def _judgment(item: Item, number: int, person: int, vote: Vote, version: int, at: float) -> dict[str, Any]:
    return {
        "item_id": number,
        "person_id": person,
        "kind": "ranking",
        "revision": 1,
        "created": at,
        "key": None,
        "body": {
            "ranks": dense_ranks(vote.ranks),
            "shown_order": vote.shown or [candidate["id"] for candidate in item.candidates],
            "guideline_version": version,
            "duration_ms": vote.duration_ms,
            "all_bad": False,
            "criteria": {},
            "rewrite": None,
            "origin": _origin(vote),
        },
    }
