"""How people judge: each one's pace, care and agreement with the rest; whether place or length sways them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import assignments, items
from posttrain.annotate.insight.judgments import Spoken
from posttrain.statistics.estimate import Figure, mean_of, share_of
from posttrain.statistics.rank_distance import distance, verdict


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
    return [{"place": place + 1, **share_of(count, len(rows))} for place, count in enumerate(best)]


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
    return share_of(longer, decided)


def people_figures(connection: Connection, said: Spoken, project: Row) -> list[dict[str, Any]]:
    """Each person's judgments, agreement with the rest, accuracy on gold, skips, flags and median time."""
    close = _with_the_rest(said)
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
            "agreement_with_the_rest": mean_of(close.get(number, ())),
            "gold_accuracy": mean_of(right[number]),
            "skipped": aside[number, "skipped"],
            "flagged": aside[number, "flagged"],
            "median_seconds": float(np.median(took[number])) / 1000 if took[number] else None,
        }
        for number in sorted({*counts, *(person for person, _ in aside)}, key=lambda n: said.names[n].lower())
    ]


def _with_the_rest(said: Spoken) -> Mapping[int, Sequence[float]]:
    """person → for each item judged by others too, how near to them: 1 the same order, 0 the reverse."""
    close: dict[int, list[float]] = defaultdict(list)
    for rows in said.by_item().values():
        near: dict[int, list[float]] = defaultdict(list)
        for one, other in combinations(rows, 2):
            alike = 1 - distance(one.body["ranks"], other.body["ranks"])
            near[one.person_id].append(alike)
            near[other.person_id].append(alike)
        for person, values in near.items():
            close[person].append(fmean(values))
    return close


def _set_aside(connection: Connection, project: Row) -> Counter[tuple[int, str]]:
    query = (
        select(assignments.c.person_id, assignments.c.state, func.count())
        .join(items, items.c.id == assignments.c.item_id)
        .where(items.c.project_id == project.id, assignments.c.state.in_(("skipped", "flagged")))
        .group_by(assignments.c.person_id, assignments.c.state)
    )
    return Counter({(person, state): n for person, state, n in connection.execute(query)})
