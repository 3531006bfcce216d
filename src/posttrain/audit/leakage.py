"""Rows to train on that stand in the evaluation data too, so that the evaluation measures memory."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.duplicates import alike
from posttrain.audit.entry import Entry
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.grams import LENGTH, Grams
from posttrain.audit.minhash import SIMILAR, distinct
from posttrain.audit.table import Table

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
    f"rows to train on share at least {SIMILAR:.0%} of their prompt's three-word shingles with an evaluation prompt",
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
    near = {a: b for a, b in alike(table, _pairs(table), on_pairs, _prompt).items() if a not in same}
    shared = {a: b for a, b in hits if a not in same and a not in near} if grams is not None else {}
    return [
        finding(rule, [Shown(table.where(a), f"see {table.where(b)}") for a, b in sorted(some.items())])
        for rule, some in ((EXACT, same), (NEAR, near), (GRAM, shared))
        if some
    ]


def _first_of(keys: NDArray[np.uint64], counted: NDArray[np.bool_]) -> dict[int, int]:
    return {int(keys[i]): int(i) for i in reversed(np.flatnonzero(counted))}


def _prompt(entry: Entry) -> str:
    return entry.prompt


def _pairs(table: Table) -> NDArray[np.int64]:
    """Pairs [P, 2] of a row to train on and an evaluation row whose prompts agree in a band, each once."""
    trained, held = np.split(table.asked, [table.trained])
    codes = np.empty(0, dtype=np.uint64)  # a pair in one number
    for band in range(held.shape[1]):
        order = np.argsort(held[:, band], kind="stable")
        keys = held[order, band]
        at = np.searchsorted(keys, trained[:, band])
        at[at == len(keys)] = 0
        same = np.flatnonzero(keys[at] == trained[:, band])
        codes = distinct(np.concatenate([codes, (same << 32 | order[at[same]]).astype(np.uint64)]))
    pairs = codes.astype(np.int64)
    return np.stack([pairs >> 32, table.trained + (pairs & 0xFFFFFFFF)], axis=1)
