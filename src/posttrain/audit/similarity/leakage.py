"""Leakage: training rows that are also in the evaluation data, so that the evaluation measures memory."""

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
    "training rows have the same prompt as an evaluation row",
    "drop them from the training data",
    "drop",
)
NEAR = Rule(
    "leakage-near-duplicate",
    "block",
    f"training rows share at least {SIMILAR:.0%} of their prompt's three-word shingles with an evaluation prompt",
    "drop them from the training data",
    "drop",
)
GRAM = Rule(
    "leakage-13-gram",
    "block",
    f"training rows share a large part of an evaluation prompt, in runs of {LENGTH} words or more",
    "look at them; drop them from the training data unless the words are a quotation that both may contain",
    "drop",
)
PHRASE = Rule(
    "leakage-phrase",
    "info",
    f"training rows share a run of {LENGTH} words with an evaluation prompt: a small part of it, or a stock phrase",
    "look at a few; keep stock phrases and instructions, and drop rows that reveal an answer",
)


def leakage(table: Table, shared: Shared | None, on_pairs: Callable[[int, str], None]) -> list[Finding]:
    """The findings on training rows that share text with evaluation rows.

    Args:
        shared: the runs of words that they share; None if there are no evaluation rows.
    """
    if table.trained == len(table.rows) or shared is None:
        return []
    rows = table.rows
    evaluation, train = rows[table.trained :], table.train
    prompts = _first_of(evaluation["prompt"], evaluation["prompt_chars"] > 0)
    same = {
        i: table.trained + prompts[key]
        for i, key in enumerate(train["prompt"].tolist())
        if train["prompt_chars"][i] and key in prompts
    }
    near = {a: b for a, b in near_duplicates(table, _pairs(table), on_pairs, _prompt).items() if a not in same}
    covered, sharing = shared.leaks()
    duplicates = same.keys() | near.keys()
    parts = {a: table.trained + b for a, b in covered.items() if a not in duplicates}
    phrases = [Shown(table.where(a), "") for a in sharing.tolist() if a not in duplicates and a not in parts]
    leaks = [
        finding(rule, [Shown(table.where(a), f"see {table.where(b)}") for a, b in sorted(pairs.items())])
        for rule, pairs in ((EXACT, same), (NEAR, near), (GRAM, parts))
        if pairs
    ]
    return [*leaks, finding(PHRASE, phrases)] if phrases else leaks


def _first_of(keys: NDArray[np.uint64], counted: NDArray[np.bool_]) -> dict[int, int]:
    return {int(keys[i]): int(i) for i in reversed(np.flatnonzero(counted))}


def _prompt(entry: Entry) -> str:
    return entry.prompt


def _pairs(table: Table) -> NDArray[np.int64]:
    """The distinct pairs [P, 2] of a training row and an evaluation row whose prompts agree in a band."""
    trained, evaluation = np.split(table.prompt_bands, [table.trained])
    codes = np.empty(0, dtype=np.uint64)  # each pair as one number
    for band in range(evaluation.shape[1]):
        order = np.argsort(evaluation[:, band], kind="stable")
        keys = evaluation[order, band]
        at = np.searchsorted(keys, trained[:, band])
        at[at == len(keys)] = 0
        same = np.flatnonzero(keys[at] == trained[:, band])
        codes = distinct(np.concatenate([codes, (same << 32 | order[at[same]]).astype(np.uint64)]))
    pairs = codes.astype(np.int64)
    return np.stack([pairs >> 32, table.trained + (pairs & 0xFFFFFFFF)], axis=1)
