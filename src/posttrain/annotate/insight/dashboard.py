"""What an owner sees of a project: progress, pace, agreement over time and by slice, people, the items in dispute."""

from collections import Counter, defaultdict
from typing import Any

from sqlalchemy import Connection

from posttrain.annotate.db.store import Row
from posttrain.annotate.insight.annotator_stats import length_bias, people_figures, position_bias
from posttrain.annotate.insight.judgments import Spoken
from posttrain.annotate.insight.project_agreement import agreement
from posttrain.statistics.estimate import Figure
from posttrain.statistics.rank_distance import disagreement

DAY = 86_400
MOST_DAYS = 30
"""Days that agreement is told for, the latest."""

MOST_SLICES = 30


def dashboard(connection: Connection, project: Row, said: Spoken, at: float) -> dict[str, Any]:
    """All the figures of a project, ready for JSON."""
    pace = Counter(int(row.created // DAY) for row in said.rankings)
    slices = sorted({item.slice for item in said.items.values() if item.slice is not None})[:MOST_SLICES]
    within = {name: {number for number, item in said.items.items() if item.slice == name} for name in slices}
    return {
        "progress": _progress(said, project, at),
        "pace": [{"day": day * DAY, "judgments": count} for day, count in sorted(pace.items())],
        "agreement": agreement(said),
        "agreement_by_slice": {name: agreement(said, among=among) for name, among in within.items()},
        "agreement_over_time": _over_time(said),
        "position_bias": position_bias(said),
        "length_bias": length_bias(said),
        "people": people_figures(connection, said, project),
    }


def disputed_items(said: Spoken, most: int = 200) -> list[dict[str, Any]]:
    """Items by how far people disagree, the worst first."""
    found = [
        {
            "id": number,
            "name": said.items[number].name,
            "state": said.items[number].state,
            "people": len(rows),
            "disagreement": disagreement([row.body["ranks"] for row in rows]),
        }
        for number, rows in said.by_item().items()
        if len(rows) > 1
    ]
    return sorted(found, key=lambda one: -one["disagreement"])[:most]


def _over_time(said: Spoken) -> list[Figure]:
    """Krippendorff's alpha of the items whose last judgment fell on a day, day by day."""
    days: dict[int, set[int]] = defaultdict(set)
    for item, rows in said.by_item().items():
        if len(rows) > 1:
            days[int(max(row.created for row in rows) // DAY)].add(item)
    return [
        {"day": day * DAY, **agreement(said, among=days[day])["krippendorff_alpha_nominal"]}
        for day in sorted(days)[-MOST_DAYS:]
    ]


def _progress(said: Spoken, project: Row, at: float) -> dict[str, Any]:
    common = [item for item in said.items.values() if item.gold is None]
    states = Counter(item.state for item in common)
    lately = sum(row.created > at - DAY for row in said.rankings)
    missing = sum(max(0, item.wanted - item.judged) for item in common if item.state == "open")
    return {
        "items": len(common),
        "gold": len(said.items) - len(common),
        "states": dict(states),
        "judgments": sum(item.judged for item in common),
        "missing": missing,
        "last_24_hours": lately,
        "chain": {"judgments": project.judgments, "head": project.head},
    }
