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
"""The number of characters of texts whose shingles are in memory at once while candidates are verified."""

EXACT = Rule(
    "exact-duplicate",
    "warn",
    "rows repeat an earlier row exactly",
    "drop the repeats: the model would learn the row twice",
    "drop",
)
NORMALISED = Rule(
    "normalised-duplicate",
    "warn",
    "rows repeat the words of an earlier row; letter case, punctuation or columns that training does not read differ",
    "keep one of each, unless the model should learn the difference",
)
NEAR = Rule(
    "near-duplicate",
    "warn",
    f"rows share at least {SIMILAR:.0%} of their three-word shingles and all numbers with an earlier row",
    "look at some of them; keep one of each, unless the model should learn the small difference",
)


def repeated(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each row, the index of the first row with the same key, which may be the row itself."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]


def duplicates(table: Table, on_pairs: Callable[[int, str], None] = lambda n, words: None) -> list[Finding]:
    """The findings on exact, normalised and near duplicates among the training rows."""
    rows = table.train
    if not len(rows):
        return []
    index = np.arange(len(rows))
    exact = repeated(rows["whole"])
    norm = repeated(rows["norm"])
    reworded = (norm != index) & (exact == index)
    left = np.flatnonzero(norm == index)
    near = near_duplicates(table, _pairs(table, left), on_pairs)
    return [
        *_findings(table, EXACT, np.flatnonzero(exact != index), exact),
        *_findings(table, NORMALISED, np.flatnonzero(reworded), norm),
        *_findings(table, NEAR, sorted(near), near),
    ]


def near_duplicates(
    table: Table,
    pairs: NDArray[np.int64],
    on_pairs: Callable[[int, str], None] = lambda n, words: None,
    text: Callable[[Entry], str] = lambda entry: entry.text,
) -> dict[int, int]:
    """Row → the first row that it is a near duplicate of, among candidate pairs [P, 2].

    Args:
        text: returns the text of a row that is compared.
    """
    first: dict[int, int] = {}
    for batch in batches(table, pairs, AT_ONCE):
        left = [(a, b) for a, b in batch.tolist() if a not in first]
        sets = _sets(table, {i for pair in left for i in pair}, text)
        for a, b in left:
            if a not in first and a in sets and b in sets and jaccard(sets[a], sets[b]) >= SIMILAR:
                first[a] = b
        on_pairs(len(first), "near duplicates")
    return first


def _sets(table: Table, indices: Iterable[int], text: Callable[[Entry], str]) -> dict[int, U32]:
    """Index → the set of shingles of that row's text."""
    sets: dict[int, U32] = {}
    entries = fetch(table, indices)
    while batch := list(islice(entries, 64)):
        shingles = shingle_sets([text(entry) for _, entry in batch])
        sets.update({index: hashes for (index, _), hashes in zip(batch, shingles, strict=True)})
    return sets


def _pairs(table: Table, among: NDArray[np.intp]) -> NDArray[np.int64]:
    """The candidate pairs (later, earlier) among the given rows."""
    rows = table.rows[among]
    pairs = among[candidates(rows["bands"], rows["numbers"])][:, ::-1]
    return pairs[~_other_answers(table, pairs)]


def _other_answers(table: Table, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs of rows are preferences on the same prompt: a long prompt makes them similar, not their answers."""
    rows = table.rows
    later, earlier = rows[pairs[:, 0]], rows[pairs[:, 1]]
    return (later["kind"] == 1) & (later["prompt"] == earlier["prompt"])


def _findings(
    table: Table, rule: Rule, indices: Iterable[int], first: NDArray[np.int64] | dict[int, int]
) -> list[Finding]:
    hits = [Shown(table.where(int(i)), f"repeats {table.where(int(first[int(i)]))}") for i in indices]
    return [finding(rule, hits)] if hits else []
