"""How far several people agree, where a file says who judged what."""

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
"""Pairs of candidates that two people or more judged, below which agreement says nothing."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's alpha of so many people, over pairs of candidates that two or more of them judged."""

    people: int
    pairs: int
    alpha: float


def agreement_of(rows: Iterable[Mapping[str, Any]]) -> Agreement | None:
    """Of rankings that name their annotator, or of columns annotator1, annotator2...; None if too little is shared."""
    said: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        for unit, person, verdict in _verdicts(row):
            said[unit][person] = verdict
    shared = [some for some in said.values() if len(some) > 1]
    people = sorted({person for some in shared for person in some})
    if len(shared) < _FEWEST:
        return None
    table = np.array([[some.get(person, math.nan) for person in people] for some in shared])
    alpha = krippendorff_alpha(table)
    return None if math.isnan(alpha) else Agreement(len(people), len(shared), alpha)


def _verdicts(row: Mapping[str, Any]) -> Iterable[tuple[str, str, float]]:
    """(pair of candidates, who, 1 or -1 for the better one, 0 for a tie); which one comes first is as good as drawn."""
    candidates, ranks = row.get("candidates"), row.get("ranks")
    if isinstance(candidates, list) and isinstance(ranks, dict) and isinstance(row.get("annotator"), str):
        texts = {str(c["id"]): str(c.get("text")) for c in candidates if isinstance(c, dict) and "id" in c}
        for one, other in combinations(sorted(texts, key=lambda name: hash64(texts[name])), 2):
            a, b = ranks.get(one), ranks.get(other)
            if isinstance(a, int | float) and isinstance(b, int | float):
                unit = f"{row.get('prompt')}\0{texts[one]}\0{texts[other]}"
                yield unit, row["annotator"], float((a < b) - (a > b))
    for name, vote in row.items():
        if name.lower().startswith("annotator") and vote in (0, 1, 2) and "response1" in row:
            key = f"{row.get('instruction')}\0{row.get('input')}\0{row['response1']}\0{row.get('response2')}"
            yield key, name, {0: 0.0, 1: 1.0, 2: -1.0}[vote]
