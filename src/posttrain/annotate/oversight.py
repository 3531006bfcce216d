"""What an owner sees of a project: progress, agreement with intervals, gold accuracy, biases, each person's share.

People's verdicts are compared pair of candidates by pair: 1 if the first in the file's order is better, -1 if the
second is, 0 for a tie. Intervals draw whole items.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from posttrain.annotate.agreement import (
    bootstrap_interval,
    cohen_kappa,
    fleiss_kappa,
    kendall_w,
    krippendorff_alpha,
)
from posttrain.annotate.disagreement import disagreement, distance, verdict
from posttrain.annotate.judging import current
from posttrain.annotate.store import Row
from posttrain.annotate.tables import assignments, items, judgments, people
from posttrain.evaluate.statistics import wilson

Figure = dict[str, Any]
"""``value, interval, n``; a value that the data cannot give is None."""

DAY = 86_400


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


def agreement(said: Spoken, *, draws: int = 300, slice: str | None = None, until: float | None = None) -> Figure:
    """Every measure of agreement over the items that two people or more judged.

    Args:
        draws: of the bootstrap; 0 for no intervals.
        slice: of one slice alone.
        until: of what was said before this time.
    """
    kept = [
        row
        for row in said.rankings
        if (slice is None or said.items[row.item_id].slice == slice) and (until is None or row.created < until)
    ]
    by_item: dict[int, list[Row]] = defaultdict(list)
    for row in kept:
        by_item[row.item_id].append(row)
    shared = [rows for rows in by_item.values() if len(rows) > 1]
    who = sorted({row.person_id for rows in shared for row in rows})
    blocks = [_verdicts(said.items[rows[0].item_id], rows, who) for rows in shared]
    measures: dict[str, Callable[[NDArray[np.float64]], float]] = {
        "krippendorff_alpha_nominal": krippendorff_alpha,
        "krippendorff_alpha_ordinal": lambda table: krippendorff_alpha(table, "ordinal"),
        "fleiss_kappa": fleiss_kappa,
        "cohen_kappa_mean": _mean_cohen,
    }
    figures = {name: _figure(_over(blocks, measure), len(blocks), draws) for name, measure in measures.items()}
    ws = np.array([_w(said.items[rows[0].item_id], rows) for rows in shared])
    figures["kendall_w_mean"] = _figure(lambda picked: _mean_of(ws[picked]), len(ws), draws)
    return figures


def dashboard(connection: Connection, project: Row, at: float) -> dict[str, Any]:
    """All the figures of a project, ready for JSON."""
    said = spoken(connection, project)
    slices = sorted({item.slice for item in said.items.values() if item.slice is not None})
    days = sorted({int(row.created // DAY) for row in said.rankings})
    return {
        "progress": _progress(said, project, at),
        "pace": [
            {"day": day * DAY, "judgments": sum(int(r.created // DAY) == day for r in said.rankings)} for day in days
        ],
        "agreement": agreement(said),
        "agreement_by_slice": {name: agreement(said, draws=0, slice=name) for name in slices[:30]},
        "agreement_over_time": [
            {"day": day * DAY, **agreement(said, draws=0, until=(day + 1) * DAY)["krippendorff_alpha_nominal"]}
            for day in days[-30:]
        ],
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


def position_bias(said: Spoken) -> list[Figure]:
    """For each place from left to right: how often the candidate there is among the best; chance is the same for all.

    Only items with the most frequent number of candidates count, so that places compare.
    """
    sizes = Counter(len(row.body["shown_order"]) for row in said.rankings if row.body["origin"] == "app")
    if not sizes:
        return []
    k = sizes.most_common(1)[0][0]
    rows = [r.body for r in said.rankings if r.body["origin"] == "app" and len(r.body["shown_order"]) == k]
    best = [sum(body["ranks"][body["shown_order"][place]] == 1 for body in rows) for place in range(k)]
    return [{"place": place + 1, **_share(count, len(rows))} for place, count in enumerate(best)]


def length_bias(said: Spoken) -> Figure:
    """How often the longer of two candidates is the better one, of pairs that are no tie in rank or length."""
    longer = decided = 0
    for row in said.rankings:
        lengths = {c["id"]: len(c["text"]) for c in said.items[row.item_id].candidates}
        for one, other in combinations(lengths, 2):
            better = verdict(row.body["ranks"], one, other)
            if better and lengths[one] != lengths[other]:
                decided += 1
                longer += better == (1 if lengths[one] > lengths[other] else -1)
    return _share(longer, decided)


def people_figures(connection: Connection, said: Spoken, project: Row) -> list[dict[str, Any]]:
    """Each person's judgments, agreement with the rest, accuracy on gold, skips, flags and median time."""
    close: dict[int, list[float]] = defaultdict(list)
    for rows in said.by_item().values():
        for one, other in combinations(rows, 2):
            near = 1 - distance(one.body["ranks"], other.body["ranks"])
            close[one.person_id].append(near)
            close[other.person_id].append(near)
    right: dict[int, list[float]] = defaultdict(list)
    for row in said.gold:
        right[row.person_id].append(1 - distance(row.body["ranks"], said.items[row.item_id].gold))
    counts = Counter(row.person_id for row in [*said.rankings, *said.gold])
    aside = _set_aside(connection, project)
    took: dict[int, list[int]] = defaultdict(list)
    for row in said.rankings:
        if row.body["duration_ms"] is not None:
            took[row.person_id].append(row.body["duration_ms"])
    return [
        {
            "id": number,
            "name": said.names[number],
            "judgments": counts[number],
            "agreement_with_the_rest": _mean_figure(close[number]),
            "gold_accuracy": _mean_figure(right[number]),
            "skipped": aside[number, "skipped"],
            "flagged": aside[number, "flagged"],
            "median_seconds": float(np.median(took[number])) / 1000 if took[number] else None,
        }
        for number in sorted({*counts, *(person for person, _ in aside)}, key=lambda n: said.names[n].lower())
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


def _set_aside(connection: Connection, project: Row) -> Counter[tuple[int, str]]:
    query = (
        select(assignments.c.person_id, assignments.c.state, func.count())
        .join(items, items.c.id == assignments.c.item_id)
        .where(items.c.project_id == project.id, assignments.c.state.in_(("skipped", "flagged")))
        .group_by(assignments.c.person_id, assignments.c.state)
    )
    return Counter({(person, state): n for person, state, n in connection.execute(query)})


def _verdicts(item: Row, rows: Sequence[Row], who: Sequence[int]) -> NDArray[np.float64]:
    """A line for each pair of the item's candidates, a column for each person, NaN where he did not speak."""
    pairs = list(combinations([candidate["id"] for candidate in item.candidates], 2))
    table = np.full((len(pairs), len(who)), np.nan)
    for row in rows:
        table[:, who.index(row.person_id)] = [verdict(row.body["ranks"], *pair) for pair in pairs]
    return table


def _over(
    blocks: Sequence[NDArray[np.float64]], measure: Callable[[NDArray[np.float64]], float]
) -> Callable[[NDArray[np.intp]], float]:
    if not blocks:
        return lambda picked: math.nan
    if all(len(block) == 1 for block in blocks):  # pairs: one table, picked at once
        table = np.concatenate(blocks)
        return lambda picked: measure(table[picked])
    return lambda picked: measure(np.concatenate([blocks[i] for i in picked]))


def _mean_cohen(table: NDArray[np.float64]) -> float:
    """Mean of Cohen's kappa over all pairs of people who share units."""
    kappas = np.array([cohen_kappa(table[:, a], table[:, b]) for a, b in combinations(range(table.shape[1]), 2)])
    return _mean_of(kappas)


def _w(item: Row, rows: Sequence[Row]) -> float:
    names = [candidate["id"] for candidate in item.candidates]
    return kendall_w(np.array([[row.body["ranks"][name] for name in names] for row in rows], dtype=np.float64))


def _mean_of(values: NDArray[np.float64]) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else math.nan


def _figure(measure: Callable[[NDArray[np.intp]], float], n: int, draws: int) -> Figure:
    value = measure(np.arange(n)) if n else math.nan
    interval = bootstrap_interval(measure, n, draws=draws) if draws and not math.isnan(value) else None
    return {"value": None if math.isnan(value) else value, "interval": interval, "n": n}


def _share(count: int, n: int) -> Figure:
    return {"value": count / n if n else None, "interval": wilson(count, n) if n else None, "n": n}


def _mean_figure(values: Sequence[float]) -> Figure:
    return {"value": fmean(values) if values else None, "interval": None, "n": len(values)}
