"""Figures about annotators: pace, gold accuracy, agreement with the others, position bias and length bias."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import assignments, items
from posttrain.annotate.insight.judgments import ProjectJudgments
from posttrain.statistics.estimate import Estimate, estimate_mean, estimate_share
from posttrain.statistics.rank_distance import kendall_distance, pair_verdict


def position_bias(judged: ProjectJudgments) -> list[dict[str, Any]]:
    """For each place from left to right: how often the candidate at that place is among the best.

    Without position bias all places have the same share. Only items with the most frequent number of candidates
    count, so that places can be compared.
    """
    sizes = Counter(len(row.body["shown_order"]) for row in judged.rankings if row.body["origin"] == "app")
    if not sizes:
        return []
    k = sizes.most_common(1)[0][0]
    rows = [r.body for r in judged.rankings if r.body["origin"] == "app" and len(r.body["shown_order"]) == k]
    best = [sum(body["ranks"][body["shown_order"][place]] == 1 for body in rows) for place in range(k)]
    shares = [estimate_share(count, len(rows), counted="judgments") for count in best]
    return [{"place": place, **share.as_json()} for place, share in enumerate(shares, 1)]


def length_bias(judged: ProjectJudgments) -> Estimate:
    """How often the longer of two candidates is the better one; pairs of equal rank or length are left out."""
    longer = decided = 0
    for row in judged.rankings:
        lengths = {c["id"]: len(c["text"]) for c in judged.items[row.item_id].candidates}
        for first, second in combinations(lengths, 2):
            better = pair_verdict(row.body["ranks"], first, second)
            if better and lengths[first] != lengths[second]:
                decided += 1
                longer += better == (1 if lengths[first] > lengths[second] else -1)
    return estimate_share(longer, decided, counted="pairs")


def people_figures(connection: Connection, judged: ProjectJudgments, project: DbRow) -> list[dict[str, Any]]:
    """For each person: judgments, agreement with the others, accuracy on gold items, skips, flags and median time."""
    agreement = _agreement_with_others(judged)
    accuracy: dict[int, list[float]] = defaultdict(list)
    for row in judged.gold:
        accuracy[row.person_id].append(1 - kendall_distance(row.body["ranks"], judged.items[row.item_id].gold))
    counts = Counter(row.person_id for row in [*judged.rankings, *judged.gold])
    aside = _count_skips_and_flags(connection, project)
    durations: dict[int, list[int]] = defaultdict(list)
    for row in judged.rankings:
        if row.body["duration_ms"] is not None:
            durations[row.person_id].append(row.body["duration_ms"])
    return [
        {
            "id": number,
            "name": judged.names[number],
            "judgments": counts[number],
            "agreement_with_the_rest": estimate_mean(agreement.get(number, ())).as_json(),
            "gold_accuracy": estimate_mean(accuracy[number]).as_json(),
            "skipped": aside[number, "skipped"],
            "flagged": aside[number, "flagged"],
            "median_seconds": float(np.median(durations[number])) / 1000 if durations[number] else None,
        }
        for number in sorted({*counts, *(person for person, _ in aside)}, key=lambda n: judged.names[n].lower())
    ]


def _agreement_with_others(judged: ProjectJudgments) -> Mapping[int, Sequence[float]]:
    """person → agreement with the others on each shared item: 1 for the same order, 0 for the reverse order."""
    by_person: dict[int, list[float]] = defaultdict(list)
    for rows in judged.by_item().values():
        on_item: dict[int, list[float]] = defaultdict(list)
        for first, second in combinations(rows, 2):
            agreement = 1 - kendall_distance(first.body["ranks"], second.body["ranks"])
            on_item[first.person_id].append(agreement)
            on_item[second.person_id].append(agreement)
        for person, values in on_item.items():
            by_person[person].append(fmean(values))
    return by_person


def _count_skips_and_flags(connection: Connection, project: DbRow) -> Counter[tuple[int, str]]:
    """(person, state) → the number of items that the person skipped or flagged."""
    query = (
        select(assignments.c.person_id, assignments.c.state, func.count())
        .join(items, items.c.id == assignments.c.item_id)
        .where(items.c.project_id == project.id, assignments.c.state.in_(("skipped", "flagged")))
        .group_by(assignments.c.person_id, assignments.c.state)
    )
    return Counter({(person, state): n for person, state, n in connection.execute(query)})
