"""Agreement between annotators, for files that name the annotator of each verdict."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from posttrain.audit.rows.entry import hash64
from posttrain.statistics.agreement import krippendorff_alpha

_FEWEST = 20
"""Minimal number of pairs of candidates with two verdicts or more; agreement on fewer pairs means little."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha of `people` annotators, over `pairs` pairs of candidates with two verdicts or more."""

    people: int
    pairs: int
    alpha: float


def agreement_of(rows: Iterable[Mapping[str, Any]]) -> Agreement | None:
    """The agreement in rankings that name their annotator, or in columns annotator1, annotator2...

    None if fewer than 20 pairs of candidates have two verdicts or more.
    """
    verdicts: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        for unit, person, verdict in _verdicts(row):
            verdicts[unit][person] = verdict
    shared = [by_person for by_person in verdicts.values() if len(by_person) > 1]
    people = sorted({person for by_person in shared for person in by_person})
    if len(shared) < _FEWEST:
        return None
    table = np.array([[by_person.get(person, math.nan) for person in people] for by_person in shared])
    alpha = krippendorff_alpha(table)
    return None if math.isnan(alpha) else Agreement(len(people), len(shared), alpha)


def _verdicts(row: Mapping[str, Any]) -> Iterable[tuple[str, str, float]]:
    """Yields (pair of candidates, annotator, verdict): 1 or -1 for the better candidate, 0 for a tie.

    The order within a pair follows from a hash of the texts, so that it is effectively random and the same in all rows.
    """
    candidates, ranks = row.get("candidates"), row.get("ranks")
    if isinstance(candidates, list) and isinstance(ranks, dict) and isinstance(row.get("annotator"), str):
        texts = {str(c["id"]): str(c.get("text")) for c in candidates if isinstance(c, dict) and "id" in c}
        for first, second in combinations(sorted(texts, key=lambda name: hash64(texts[name])), 2):
            a, b = ranks.get(first), ranks.get(second)
            if isinstance(a, int | float) and isinstance(b, int | float):
                unit = f"{row.get('prompt')}\0{texts[first]}\0{texts[second]}"
                yield unit, row["annotator"], float((a < b) - (a > b))
    for name, vote in row.items():
        if name.lower().startswith("annotator") and vote in (0, 1, 2) and "response1" in row:
            unit = f"{row.get('instruction')}\0{row.get('input')}\0{row['response1']}\0{row.get('response2')}"
            yield unit, name, {0: 0.0, 1: 1.0, 2: -1.0}[vote]
