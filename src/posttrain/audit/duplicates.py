"""Rows that stand twice: letter by letter, word by word, or nearly."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.minhash import SIMILAR, candidates, jaccard, shingles
from posttrain.audit.table import Table, fetch

AT_ONCE = 50_000
"""Texts held in memory while candidates are verified."""

EXACT = Rule(
    "exact-duplicate",
    "warn",
    "rows repeat an earlier one exactly",
    "drop the repeats: what stands twice is learnt twice",
    "drop",
)
NORMALISED = Rule(
    "normalised-duplicate",
    "warn",
    "rows repeat an earlier one but for letter case, punctuation and blanks",
    "keep one of each",
    "drop",
)
NEAR = Rule(
    "near-duplicate",
    "warn",
    f"rows share at least {SIMILAR:.0%} of their three-word shingles with an earlier one, numbers equal",
    "look at some; keep one of each unless the small difference is the lesson",
)


def repeated(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each row the first row with its key: itself if it is the first."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def duplicates(table: Table, on_pairs: Callable[[int, str], None] = lambda n, words: None) -> list[Finding]:
    """Exact, normalised and near duplicates among the rows to train on."""
    rows = table.train
    if not len(rows):
        return []
    here = np.arange(len(rows))
    exact = repeated(rows["whole"])
    norm = repeated(rows["norm"])
    alike = (norm != here) & (exact == here)
    left = np.flatnonzero(norm == here)
    pairs = near_pairs(table, left, on_pairs)
    near = {later: earlier for earlier, later in reversed(pairs)}
    return [
        *_found(table, EXACT, np.flatnonzero(exact != here), exact),
        *_found(table, NORMALISED, np.flatnonzero(alike), norm),
        *_found(table, NEAR, sorted(near), near),
    ]


def near_pairs(
    table: Table, among: NDArray[np.intp], on_pairs: Callable[[int, str], None] = lambda n, words: None
) -> list[tuple[int, int]]:
    """Verified pairs (earlier, later) of near duplicates among some rows."""
    rows = table.rows[among]
    found = among[candidates(rows["bands"], rows["numbers"])]
    found = found[~_other_answers(table, found)]
    verified: list[tuple[int, int]] = []
    for some in _batches(found):
        texts = {i: shingles(entry.text) for i, entry in fetch(table, np.unique(some).tolist()).items()}
        for a, b in some.tolist():
            if a in texts and b in texts and jaccard(texts[a], texts[b]) >= SIMILAR:
                verified.append((a, b))
        on_pairs(len(verified), "pairs alike")
    return verified


def _other_answers(table: Table, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs of rows are preferences about one prompt: their long prompt makes them alike, their answers count."""
    rows = table.rows
    one, other = rows[pairs[:, 0]], rows[pairs[:, 1]]
    return (one["kind"] == 1) & (one["prompt"] == other["prompt"])


def _batches(pairs: NDArray[np.int64]) -> Iterable[NDArray[np.int64]]:
    """Parts of the pairs whose texts fit in memory."""
    step = AT_ONCE // 2
    return (pairs[start : start + step] for start in range(0, len(pairs), step))


def _found(
    table: Table, rule: Rule, indices: Iterable[int], first: NDArray[np.int64] | dict[int, int]
) -> list[Finding]:
    hits = [Shown(table.where(int(i)), f"repeats {table.where(int(first[int(i)]))}") for i in indices]
    return [finding(rule, hits)] if hits else []
