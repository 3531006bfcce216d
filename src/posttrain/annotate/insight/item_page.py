"""Single items as an overseer looks at them: which people disagree on, and what each said of one."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import assignments, items, judgments, people
from posttrain.annotate.insight.judgments import Spoken
from posttrain.annotate.problems import Missing
from posttrain.statistics.rank_distance import Ranks, disagreement

MOST_LISTED = 500


def listed_items(said: Spoken, state: str | None) -> list[dict[str, Any]]:
    """Items, those that people disagree on most first, then as they were added.

    Args:
        state: of this state alone.
    """
    by_item = said.by_item()
    found: list[dict[str, Any]] = []
    for number, item in said.items.items():
        if state is None or item.state == state:
            ranks = [row.body["ranks"] for row in by_item.get(number, ())]
            far = disagreement(ranks) if len(ranks) > 1 else None
            found.append({"item": item, "disagreement": far})
    return sorted(found, key=lambda one: -(one["disagreement"] or 0))[:MOST_LISTED]


def item_told(connection: Connection, project: Row, number: int) -> dict[str, Any]:
    """An item, and what was said of it, every change of mind included.

    Returns:
        ``item``; ``letters``: candidate → its letter in the file's order; ``said``: the judgments, each with its
        person's name and its order in letters; ``aside``: who skipped or flagged it, and why.

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
    said = [{"row": row, "order": in_letters(row.body["ranks"], letters)} for row in rows]
    aside = connection.execute(
        select(assignments.c.state, assignments.c.reason, name)
        .join(people)
        .where(assignments.c.item_id == number, assignments.c.state.in_(("skipped", "flagged")))
        .order_by(assignments.c.id)
    ).all()
    return {"item": item, "letters": letters, "said": said, "aside": aside}


def in_letters(ranks: Ranks, letters: Mapping[str, str]) -> str:
    """An order as people write it: ``B = C > A``."""
    levels = [[letters[name] for name in letters if ranks[name] == rank] for rank in sorted(set(ranks.values()))]
    return " > ".join(" = ".join(level) for level in levels)
