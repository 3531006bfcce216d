"""Leakage: rows to train on that the evaluation data holds too, so that the evaluation measures memory."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.table import Table
from posttrain.audit.similarity.duplicates import near_duplicates
from posttrain.audit.similarity.minhash import SIMILAR, distinct
from posttrain.audit.similarity.ngrams import LENGTH
from posttrain.audit.similarity.overlap import Shared

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
    f"rows to train on share a fair part of an evaluation prompt, in runs of {LENGTH} words and more",
    "look at them; drop them from the training data unless the words are a quotation that both may hold",
    "drop",
)
PHRASE = Rule(
    "leakage-phrase",
    "info",
    f"rows to train on share {LENGTH} words in a row with an evaluation prompt, but little of it, or a stock phrase",
    "look at a few: fine for set phrases and instructions; drop rows that give an answer away",
)


def leakage(table: Table, shared: Shared | None, on_pairs: Callable[[int, str], None]) -> list[Finding]:
    """The findings on evaluation rows that the rows to train on hold.

    Args:
        shared: the words that they share.
    """
    if table.trained == len(table.rows) or shared is None:
        return []
    rows = table.rows
    held, train = rows[table.trained :], table.train
    prompts = _first_of(held["prompt"], held["prompt_chars"] > 0)
    same = {
        i: table.trained + prompts[key]
        for i, key in enumerate(train["prompt"].tolist())
        if train["prompt_chars"][i] and key in prompts
    }
    near = {a: b for a, b in near_duplicates(table, _pairs(table), on_pairs, _prompt).items() if a not in same}
    covered, sharing = shared.leaks()
    found = same.keys() | near.keys()
    parts = {a: table.trained + b for a, b in covered.items() if a not in found}
    phrases = [Shown(table.where(a), "") for a in sharing.tolist() if a not in found and a not in parts]
    leaks = [
        finding(rule, [Shown(table.where(a), f"see {table.where(b)}") for a, b in sorted(some.items())])
        for rule, some in ((EXACT, same), (NEAR, near), (GRAM, parts))
        if some
    ]
    return [*leaks, finding(PHRASE, phrases)] if phrases else leaks


def _first_of(keys: NDArray[np.uint64], counted: NDArray[np.bool_]) -> dict[int, int]:
    return {int(keys[i]): int(i) for i in reversed(np.flatnonzero(counted))}


def _prompt(entry: Entry) -> str:
    return entry.prompt


def _pairs(table: Table) -> NDArray[np.int64]:
    """Pairs [P, 2] of a row to train on and an evaluation row whose prompts agree in a band, each once."""
    trained, held = np.split(table.prompt_bands, [table.trained])
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
