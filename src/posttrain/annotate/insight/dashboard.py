"""The dashboard of a project: progress, pace, agreement over time and by slice, people, and disputed items."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.insight.annotator_stats import length_bias, people_figures, position_bias
from posttrain.annotate.insight.judgments import ProjectJudgments
from posttrain.annotate.insight.project_agreement import measure_agreement
from posttrain.statistics.estimate import Estimate

DAY = 86_400
MAX_DAYS = 30
"""The dashboard shows agreement for the latest days only."""

MAX_SLICES = 30


def dashboard(connection: Connection, project: DbRow, judged: ProjectJudgments, at: float) -> dict[str, Any]:
    """All figures of a project, ready for JSON.

    Args:
        at: the current time.
    """
    pace = Counter(int(row.created // DAY) for row in judged.rankings)
    slices = sorted({item.slice for item in judged.items.values() if item.slice is not None})[:MAX_SLICES]
    within = {name: {number for number, item in judged.items.items() if item.slice == name} for name in slices}
    return {
        "progress": _progress(judged, project, at),
        "pace": [{"day": day * DAY, "judgments": count} for day, count in sorted(pace.items())],
        "agreement": _as_json(measure_agreement(judged)),
        "agreement_by_slice": {name: _as_json(measure_agreement(judged, among=ids)) for name, ids in within.items()},
        "agreement_over_time": _agreement_by_day(judged),
        "position_bias": position_bias(judged),
        "length_bias": length_bias(judged).as_json(),
        "people": people_figures(connection, judged, project),
    }


def disputed_items(judged: ProjectJudgments, most: int = 200) -> list[dict[str, Any]]:
    """Items with two rankings or more, the most disagreement first."""
    rankings = judged.by_item()
    rows = [
        {
            "id": number,
            "name": judged.items[number].name,
            "state": judged.items[number].state,
            "people": len(rankings[number]),
            "disagreement": disagreement,
        }
        for number, disagreement in judged.disagreement_by_item().items()
    ]
    return sorted(rows, key=lambda row: -row["disagreement"])[:most]


def _as_json(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.as_json() for name, estimate in estimates.items()}


def _agreement_by_day(judged: ProjectJudgments) -> list[dict[str, Any]]:
    """For each day, Krippendorff's alpha of the items whose last judgment was made on that day."""
    days: dict[int, set[int]] = defaultdict(set)
    for item, rows in judged.by_item().items():
        if len(rows) > 1:
            days[int(max(row.created for row in rows) // DAY)].add(item)
    return [
        {"day": day * DAY, **measure_agreement(judged, among=days[day])["krippendorff_alpha_nominal"].as_json()}
        for day in sorted(days)[-MAX_DAYS:]
    ]


def _progress(judged: ProjectJudgments, project: DbRow, at: float) -> dict[str, Any]:
    ordinary = [item for item in judged.items.values() if item.gold is None]
    states = Counter(item.state for item in ordinary)
    last_day = sum(row.created > at - DAY for row in judged.rankings)
    missing = sum(max(0, item.wanted - item.judged) for item in ordinary if item.state == "open")
    return {
        "items": len(ordinary),
        "gold": len(judged.items) - len(ordinary),
        "states": dict(states),
        "judgments": sum(item.judged for item in ordinary),
        "missing": missing,
        "last_24_hours": last_day,
        "chain": {"judgments": project.judgments, "head": project.head},
    }
