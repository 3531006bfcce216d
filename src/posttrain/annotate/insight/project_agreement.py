"""Agreement between the people of a project, each measure with its bootstrap interval.

The rated unit is a pair of candidates. Its verdict is 1 if the first candidate in the file's order is better, -1 if the
second is better, and 0 for a tie. Verdicts are counted once per item; the bootstrap draws whole items.
Shape suffixes: `I` items, `C` kinds of verdict, `E` pairs of verdicts that two people gave on one pair of candidates.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posttrain.annotate.db.store import DbRow
from posttrain.annotate.insight.judgments import ProjectJudgments
from posttrain.statistics.agreement import (
    alpha_from_coincidences,
    cohen_from_tables,
    coincidences,
    fleiss_from_sums,
    kendall_w,
    rater_agreement,
)
from posttrain.statistics.estimate import DRAWS, Estimate, Measure, estimate_measure
from posttrain.statistics.rank_distance import pair_verdict

Floats = NDArray[np.float64]
VERDICTS_C: Floats = np.array([-1.0, 0.0, 1.0])
C = len(VERDICTS_C)
MEASURES = (
    "krippendorff_alpha_nominal",
    "krippendorff_alpha_ordinal",
    "fleiss_kappa",
    "cohen_kappa_mean",
    "kendall_w_mean",
)


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of each item, from which the measures are computed.

    Args:
        coincidences_ICC: coincidences of verdicts; they add up over items.
        rater_agreement_I: the columns of `rater_agreement`; they add up over items.
        item_E: the item of each pair of verdicts.
        cell_E: the cell of each pair of verdicts in the tables of all pairs of people.
        pairs: the number of pairs of people.
        w_I: Kendall's W of each item.
    """

    coincidences_ICC: Floats
    rater_agreement_I: Floats
    item_E: NDArray[np.intp]
    cell_E: NDArray[np.intp]
    pairs: int
    w_I: Floats


def measure_agreement(
    judged: ProjectJudgments, *, draws: int = DRAWS, among: Collection[int] | None = None
) -> dict[str, Estimate]:
    """Every measure of agreement, over the items that two people or more judged.

    Args:
        draws: the number of bootstrap draws.
        among: ids of the items that count; None for all.
    """
    shared = [rows for item, rows in judged.by_item().items() if len(rows) > 1 and (among is None or item in among)]
    if not shared:
        return {name: Estimate(None, 0, counted="items") for name in MEASURES}
    counts = _count_verdicts(judged, shared)
    measures: tuple[Measure, ...] = (
        lambda picked: alpha_from_coincidences(counts.coincidences_ICC[picked].sum(0)),
        lambda picked: alpha_from_coincidences(counts.coincidences_ICC[picked].sum(0), "ordinal"),
        lambda picked: fleiss_from_sums(counts.rater_agreement_I[picked].sum(0)),
        lambda picked: _mean(cohen_from_tables(_tables(counts, picked))),
        lambda picked: _mean(counts.w_I[picked]),
    )
    return {
        name: estimate_measure(measure, len(shared), draws) for name, measure in zip(MEASURES, measures, strict=True)
    }


def _tables(counts: _Counts, picked: NDArray[np.intp]) -> Floats:
    """[pairs, C, C]: for each pair of people, how often they gave each two verdicts, over the items `picked`."""
    times_I = np.bincount(picked, minlength=len(counts.w_I)).astype(np.float64)
    cells = np.bincount(counts.cell_E, weights=times_I[counts.item_E], minlength=counts.pairs * C * C)
    return cells.astype(np.float64).reshape(-1, C, C)


def _count_verdicts(judged: ProjectJudgments, shared: Sequence[Sequence[DbRow]]) -> _Counts:
    who = sorted({row.person_id for rows in shared for row in rows})
    pairs = {pair: number for number, pair in enumerate(combinations(who, 2))}
    tables, agreements, item_of, cell_of, ws = (
        list[Floats](),
        list[Floats](),
        list[int](),
        list[Floats](),
        list[float](),
    )
    for index, rows in enumerate(shared):
        ordered = sorted(rows, key=lambda row: row.person_id)
        names = [candidate["id"] for candidate in judged.items[rows[0].item_id].candidates]
        sides = list(combinations(names, 2))
        verdicts = np.array(
            [[pair_verdict(row.body["ranks"], *pair) for row in ordered] for pair in sides], dtype=float
        )
        tables.append(coincidences(verdicts, VERDICTS_C).sum(0))
        agreements.append(rater_agreement(verdicts, VERDICTS_C).sum(0))
        for a, b in combinations(range(len(ordered)), 2):
            table = pairs[ordered[a].person_id, ordered[b].person_id]
            cell_of.append((table * C + verdicts[:, a] + 1) * C + verdicts[:, b] + 1)
            item_of += [index] * len(sides)
        ws.append(kendall_w(np.array([[row.body["ranks"][name] for name in names] for row in ordered], dtype=float)))
    cells = np.concatenate(cell_of).astype(np.intp)
    return _Counts(
        np.array(tables), np.array(agreements), np.array(item_of, dtype=np.intp), cells, len(pairs), np.array(ws)
    )


def _mean(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else math.nan
