"""How far a project's people agree: their verdicts counted once for each item, every measure with its interval.

People's verdicts are compared pair of candidates by pair: 1 if the first in the file's order is better, -1 if the
second is, 0 for a tie. Intervals draw whole items.
Shape suffixes: `I` items, `C` verdicts, `E` pairs of verdicts on one pair of candidates, by two people.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from posttrain.annotate.db.store import Row
from posttrain.annotate.insight.judgments import Spoken
from posttrain.statistics.agreement import agreeing, alpha_of, cohen_of, coincidences, fleiss_of, kendall_w
from posttrain.statistics.estimate import DRAWS, Figure, Measure, measured
from posttrain.statistics.rank_distance import verdict

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
class Counts:
    """What the measures need, item by item; all but the last add up.

    Args:
        together_ICC: coincidences of verdicts.
        agreeing_I: units, agreeing shares and verdicts, as `agreement.agreeing` has them, in columns.
        item_E, cell_E: the item of a pair of verdicts, and its cell in the tables of all pairs of people.
        pairs: how many pairs of people there are.
        w_I: Kendall's W.
    """

    together_ICC: Floats
    agreeing_I: Floats
    item_E: NDArray[np.intp]
    cell_E: NDArray[np.intp]
    pairs: int
    w_I: Floats


def agreement(said: Spoken, *, draws: int = DRAWS, among: Collection[int] | None = None) -> dict[str, Figure]:
    """Every measure of agreement over the items that two people or more judged.

    Args:
        draws: of the bootstrap.
        among: ids of the items that count; all if not given.
    """
    shared = [rows for item, rows in said.by_item().items() if len(rows) > 1 and (among is None or item in among)]
    if not shared:
        return {name: {"value": None, "interval": None, "n": 0} for name in MEASURES}
    counts = _counts(said, shared)
    measures: tuple[Measure, ...] = (
        lambda picked: alpha_of(counts.together_ICC[picked].sum(0)),
        lambda picked: alpha_of(counts.together_ICC[picked].sum(0), "ordinal"),
        lambda picked: fleiss_of(counts.agreeing_I[picked].sum(0)),
        lambda picked: _mean(cohen_of(_tables(counts, picked))),
        lambda picked: _mean(counts.w_I[picked]),
    )
    return {name: measured(measure, len(shared), draws) for name, measure in zip(MEASURES, measures, strict=True)}


def _tables(counts: Counts, picked: NDArray[np.intp]) -> Floats:
    """For each pair of people how often they gave which two verdicts, over the items picked."""
    times_I = np.bincount(picked, minlength=len(counts.w_I)).astype(np.float64)
    cells = np.bincount(counts.cell_E, weights=times_I[counts.item_E], minlength=counts.pairs * C * C)
    return cells.astype(np.float64).reshape(-1, C, C)


def _counts(said: Spoken, shared: Sequence[Sequence[Row]]) -> Counts:
    who = sorted({row.person_id for rows in shared for row in rows})
    pairs = {pair: number for number, pair in enumerate(combinations(who, 2))}
    together, agreed, item_of, cell_of, ws = list[Floats](), list[Floats](), list[int](), list[Floats](), list[float]()
    for index, rows in enumerate(shared):
        ordered = sorted(rows, key=lambda row: row.person_id)
        names = [candidate["id"] for candidate in said.items[rows[0].item_id].candidates]
        sides = list(combinations(names, 2))
        verdicts = np.array([[verdict(row.body["ranks"], *pair) for row in ordered] for pair in sides], dtype=float)
        together.append(coincidences(verdicts, VERDICTS_C).sum(0))
        agreed.append(agreeing(verdicts, VERDICTS_C).sum(0))
        for a, b in combinations(range(len(ordered)), 2):
            table = pairs[ordered[a].person_id, ordered[b].person_id]
            cell_of.append((table * C + verdicts[:, a] + 1) * C + verdicts[:, b] + 1)
            item_of += [index] * len(sides)
        ws.append(kendall_w(np.array([[row.body["ranks"][name] for name in names] for row in ordered], dtype=float)))
    cells = np.concatenate(cell_of).astype(np.intp)
    return Counts(
        np.array(together), np.array(agreed), np.array(item_of, dtype=np.intp), cells, len(pairs), np.array(ws)
    )


def _mean(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else math.nan
