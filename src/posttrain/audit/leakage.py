"""Rows to train on that stand in the evaluation data too, so that the evaluation measures memory."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.duplicates import AT_ONCE
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.grams import LENGTH, Grams
from posttrain.audit.minhash import SIMILAR, jaccard, shingles
from posttrain.audit.table import Table, fetch

EXACT = Rule(
    "leakage-exact",
    "block",
    "rows to train on ask what an evaluation row asks, word for word",
    "drop them from the training data",
    "drop",
)
NEAR = Rule(
    "leakage-near-duplicate",
    "block",
    f"rows to train on share at least {SIMILAR:.0%} of their three-word shingles with an evaluation row",
    "drop them from the training data",
    "drop",
)
GRAM = Rule(
    "leakage-13-gram",
    "block",
    f"rows to train on share {LENGTH} words in a row with an evaluation prompt",
    "look at them; drop them from the training data unless the words are a quotation that both may hold",
    "drop",
)


def leakage(
    table: Table, grams: Grams | None, hits: Sequence[tuple[int, int]], on_pairs: Callable[[int, str], None]
) -> list[Finding]:
    """What of the evaluation rows stands in the rows to train on.

    Args:
        grams: of the evaluation prompts.
        hits: (index of a row, index of the evaluation row) that share one.
    """
    if table.trained == len(table.rows):
        return []
    rows = table.rows
    held, train = rows[table.trained :], table.train
    prompts = _first_of(held["prompt"], held["prompt_chars"] > 0)
    same = {
        i: table.trained + prompts[key]
        for i, key in enumerate(train["prompt"].tolist())
        if train["prompt_chars"][i] and key in prompts
    }
    near = {a: b for a, b in _near(table, on_pairs) if a not in same}
    shared = {a: b for a, b in hits if a not in same and a not in near} if grams is not None else {}
    return [
        finding(rule, [Shown(table.where(a), f"see {table.where(b)}") for a, b in sorted(some.items())])
        for rule, some in ((EXACT, same), (NEAR, near), (GRAM, shared))
        if some
    ]


def _first_of(keys: NDArray[np.uint64], counted: NDArray[np.bool_]) -> dict[int, int]:
    return {int(keys[i]): int(i) for i in reversed(np.flatnonzero(counted))}


def _near(table: Table, on_pairs: Callable[[int, str], None]) -> list[tuple[int, int]]:
    """(row to train on, evaluation row) pairs that are near duplicates."""
    rows = table.rows
    held = rows[table.trained :]["bands"]
    touched = np.zeros(table.trained, dtype=np.bool_)
    for band in range(held.shape[1]):
        touched |= np.isin(rows["bands"][: table.trained, band], held[:, band])
    among = np.concatenate([np.flatnonzero(touched), np.arange(table.trained, len(rows))])
    found: list[tuple[int, int]] = []
    pairs = _crossing(rows["bands"][among], among, table.trained)
    for start in range(0, len(pairs), AT_ONCE // 2):
        some = pairs[start : start + AT_ONCE // 2]
        wanted = sorted({i for pair in some for i in pair})
        sets = {i: shingles(entry.text) for i, entry in fetch(table, wanted).items()}
        found += [(a, b) for a, b in some if a in sets and b in sets and jaccard(sets[a], sets[b]) >= SIMILAR]
        on_pairs(len(found), "pairs alike")
    return found


def _crossing(bands: NDArray[np.uint32], among: NDArray[np.intp], trained: int) -> list[tuple[int, int]]:
    """Pairs (row to train on, evaluation row) that agree in a band, each once."""
    held = np.flatnonzero(among >= trained)
    found: dict[tuple[int, int], None] = {}
    for band in range(bands.shape[1]):
        by_key = {int(bands[i, band]): int(among[i]) for i in held}
        for i in np.flatnonzero(among < trained):
            other = by_key.get(int(bands[i, band]))
            if other is not None:
                found[int(among[i]), other] = None
    return list(found)
