"""All judgments of a project, read at once; every figure of the project is computed from them."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, select

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import items, judgments, people
from posttrain.annotate.work.judging import current_judgments
from posttrain.statistics.rank_distance import mean_kendall_distance


@dataclass(frozen=True, slots=True)
class ProjectJudgments:
    """The judgments of a project that count: each person's last judgment of an item.

    Args:
        items: id → item.
        rankings: judgments of ordinary items.
        gold: judgments of gold items.
        names: id → name of every person.
    """

    items: dict[int, DbRow]
    rankings: list[DbRow]
    gold: list[DbRow]
    names: dict[int, str]

    def by_item(self) -> dict[int, list[DbRow]]:
        """item id → its rankings; items without rankings are absent."""
        rows: dict[int, list[DbRow]] = defaultdict(list)
        for row in self.rankings:
            rows[row.item_id].append(row)
        return dict(rows)

    def disagreement_by_item(self) -> dict[int, float]:
        """item id → the mean Kendall distance of its rankings; only items with two rankings or more."""
        ranks = {item: [row.body["ranks"] for row in rows] for item, rows in self.by_item().items() if len(rows) > 1}
        return {item: mean_kendall_distance(rankings) for item, rankings in ranks.items()}


def read_judgments(connection: Connection, project: DbRow) -> ProjectJudgments:
    """Read the items, the judgments that count and the names of people."""
    rows = {r.id: r for r in connection.execute(select(items).where(items.c.project_id == project.id))}
    counting = connection.execute(current_judgments().where(judgments.c.project_id == project.id)).all()
    names = {r.id: r.name for r in connection.execute(select(people.c.id, people.c.name))}
    rankings = [row for row in counting if rows[row.item_id].gold is None]
    gold = [row for row in counting if rows[row.item_id].gold is not None]
    return ProjectJudgments(rows, rankings, gold, names)
