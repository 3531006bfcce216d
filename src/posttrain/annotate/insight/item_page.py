"""Items for overseers: the list of items by disagreement, and one item with all its judgments."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import assignments, items, judgments, people
from posttrain.annotate.insight.judgments import ProjectJudgments
from posttrain.annotate.problems import Missing
from posttrain.statistics.rank_distance import Ranks

MAX_LISTED = 500


def list_items(judged: ProjectJudgments, state: str | None) -> list[dict[str, Any]]:
    """Items with the most disagreement first, then in the order in which they were added.

    Args:
        state: list only items in this state; None lists all.
    """
    disagreement = judged.disagreement_by_item()
    rows = [
        {"item": item, "disagreement": disagreement.get(number)}
        for number, item in judged.items.items()
        if state is None or item.state == state
    ]
    return sorted(rows, key=lambda row: -(row["disagreement"] or 0))[:MAX_LISTED]


def item_details(connection: Connection, project: DbRow, number: int) -> dict[str, Any]:
    """An item with all its judgments, earlier revisions included.

    Returns:
        ``item``; ``letters``: candidate → its letter in the file's order; ``judgments``: each with its person's name
        and its order in letters; ``aside``: who skipped or flagged the item, and why.

    Raises:
        Missing: the project has no such item.
    """
    item = connection.execute(select(items).where(items.c.id == number, items.c.project_id == project.id)).one_or_none()
    if item is None:
        raise Missing("there is no such item")
    letters = {candidate["id"]: chr(ord("A") + place) for place, candidate in enumerate(item.candidates)}
    name = people.c.name.label("by")
    rows = connection.execute(
        select(judgments, name).join(people).where(judgments.c.item_id == number).order_by(judgments.c.number)
    )
    judged = [{"row": row, "order": order_in_letters(row.body["ranks"], letters)} for row in rows]
    aside = connection.execute(
        select(assignments.c.state, assignments.c.reason, name)
        .join(people)
        .where(assignments.c.item_id == number, assignments.c.state.in_(("skipped", "flagged")))
        .order_by(assignments.c.id)
    ).all()
    return {"item": item, "letters": letters, "judgments": judged, "aside": aside}


def order_in_letters(ranks: Ranks, letters: Mapping[str, str]) -> str:
    """An order as people write it: ``B = C > A``."""
    levels = [[letters[name] for name in letters if ranks[name] == rank] for rank in sorted(set(ranks.values()))]
    return " > ".join(" = ".join(level) for level in levels)
