"""What was said in a project, read at once: what all figures are made from."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import items, judgments, people
from posttrain.annotate.work.judging import current


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said in a project: items by id, and the judgments that count, gold apart."""

    items: dict[int, Row]
    rankings: list[Row]
    gold: list[Row]
    names: dict[int, str]

    def by_item(self) -> dict[int, list[Row]]:
        """Rankings of each item that has any."""
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self.rankings:
            found[row.item_id].append(row)
        return dict(found)


def spoken(connection: Connection, project: Row) -> Spoken:
    """Read all that was said in a project."""
    rows = {r.id: r for r in connection.execute(select(items).where(items.c.project_id == project.id))}
    said = connection.execute(current().where(judgments.c.project_id == project.id)).all()
    names = {r.id: r.name for r in connection.execute(select(people.c.id, people.c.name))}
    common = [row for row in said if rows[row.item_id].gold is None]
    gold = [row for row in said if rows[row.item_id].gold is not None]
    return Spoken(rows, common, gold, names)
