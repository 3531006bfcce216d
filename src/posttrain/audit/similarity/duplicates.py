"""Duplicate rows: exact, normalised and near duplicates."""

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.table import Table, batches, fetch
from posttrain.audit.similarity.minhash import SIMILAR, candidates, jaccard, shingle_sets
from posttrain.audit.similarity.word_hashes import U32

AT_ONCE = 2**27
"""Characters of texts whose shingles are held in memory while candidates are verified."""

EXACT = Rule(
    "exact-duplicate",
    "warn",
    "rows repeat an earlier one in everything they say",
    "drop the repeats: a row that occurs twice is learnt twice",
    "drop",
)
NORMALISED = Rule(
    "normalised-duplicate",
    "warn",
    "rows repeat the words of an earlier one; letter case, punctuation or columns that training does not read differ",
    "keep one of each, unless that difference is the lesson",
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
    reworded = (norm != here) & (exact == here)
    left = np.flatnonzero(norm == here)
    near = near_duplicates(table, _pairs(table, left), on_pairs)
    return [
        *_found(table, EXACT, np.flatnonzero(exact != here), exact),
        *_found(table, NORMALISED, np.flatnonzero(reworded), norm),
        *_found(table, NEAR, sorted(near), near),
    ]


def near_duplicates(
    table: Table,
    pairs: NDArray[np.int64],
    on_pairs: Callable[[int, str], None] = lambda n, words: None,
    text: Callable[[Entry], str] = lambda entry: entry.text,
) -> dict[int, int]:
    """Row → the first row that it is a near duplicate of, of candidates [P, 2].

    Args:
        text: what of a row is compared.
    """
    found: dict[int, int] = {}
    for some in batches(table, pairs, AT_ONCE):
        left = [(a, b) for a, b in some.tolist() if a not in found]
        sets = _sets(table, {i for pair in left for i in pair}, text)
        for a, b in left:
            if a not in found and a in sets and b in sets and jaccard(sets[a], sets[b]) >= SIMILAR:
                found[a] = b
        on_pairs(len(found), "rows nearly alike")
    return found


def _sets(table: Table, indices: Iterable[int], text: Callable[[Entry], str]) -> dict[int, U32]:
    """The shingles of some rows."""
    found: dict[int, U32] = {}
    entries = fetch(table, indices)
    while some := list(islice(entries, 64)):
        sets = shingle_sets([text(entry) for _, entry in some])
        found.update({index: one for (index, _), one in zip(some, sets, strict=True)})
    return found


def _pairs(table: Table, among: NDArray[np.intp]) -> NDArray[np.int64]:
    """Candidates (later, earlier) among some rows."""
    rows = table.rows[among]
    pairs = among[candidates(rows["bands"], rows["numbers"])][:, ::-1]
    return pairs[~_other_answers(table, pairs)]


def _other_answers(table: Table, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs of rows are preferences about one prompt: their long prompt makes them alike, their answers count."""
    rows = table.rows
    one, other = rows[pairs[:, 0]], rows[pairs[:, 1]]
    return (one["kind"] == 1) & (one["prompt"] == other["prompt"])


def _found(
    table: Table, rule: Rule, indices: Iterable[int], first: NDArray[np.int64] | dict[int, int]
) -> list[Finding]:
    hits = [Shown(table.where(int(i)), f"repeats {table.where(int(first[int(i)]))}") for i in indices]
    return [finding(rule, hits)] if hits else []
