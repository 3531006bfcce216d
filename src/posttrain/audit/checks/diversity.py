"""The diversity of the prompts, which matters for instruction fine-tuning: the number of different tasks in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.request_type import TYPES, asking, types_of
from posttrain.audit.findings import Finding, Rule, finding
from posttrain.audit.rows.table import Table, fetch
from posttrain.rewards.readability import reading_grade

NARROW = Rule(
    "narrow-tasks",
    "info",
    "kinds of request are in the prompts",
    "this is enough for one task (SFT); for IFT add tasks, not rows: many tasks make the model follow unseen ones",
)
LARGEST = Rule(
    "dominating-task",
    "info",
    "of 100 prompts state their request in the same words",
    "draw this task less often (weight, temperature), or word its instruction in more ways",
)
ONE_PHRASING = Rule(
    "one-phrasing",
    "info",
    "tasks have the same wording in all prompts",
    "word the instructions in several ways: otherwise the model learns the words instead of the task",
)
EVEN = Rule(
    "even-difficulty",
    "info",
    "school grades lie between the easiest and the hardest wording of prompts",
    "add easier and harder prompts: a model trained on one level does not learn the difference",
)
MISSING = Rule(
    "missing-task-types",
    "info",
    "types of task of the reference list are missing",
    "add rows of each type, if the model should follow such instructions",
)

SAMPLE = 1500
"""The number of prompts that are compared with each other. They are drawn by hash, so they are always the same."""

_FEWEST = 50
_COMMON = 0.01
"""A word counts as part of a request if at least this share of the prompts use it; rarer words are topics."""

_NARROW = 10.0
_LARGE = 0.3
_PHRASINGS = 1.5
"""The phrasings of a task count as one if their effective number is below this."""

_OF_TASK = 30
_GRADES = 2.0


def breadth(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """Findings on the breadth of the prompts, and the figures behind them."""
    rows = table.train
    prompts_at = np.flatnonzero((rows["prompt_chars"] > 0) & ((rows["kind"] == 0) | (rows["kind"] == 2)))
    prompts_at = prompts_at[np.unique(rows["prompt"][prompts_at], return_index=True)[1]]
    if len(prompts_at) < _FEWEST:
        return [], {}
    drawn = prompts_at[np.argsort(rows["prompt"][prompts_at], kind="stable")[:SAMPLE]]
    texts = dict(fetch(table, drawn.tolist()))
    drawn = np.array([*texts])
    prompts = [entry.prompt for entry in texts.values()]
    words = [asking(prompt) for prompt in prompts]
    grades = np.quantile([reading_grade(prompt) for prompt in prompts], [0.05, 0.5, 0.95])
    common = Counter(words).most_common(10)
    effective = vendi(words)
    figures: dict[str, object] = {
        "distinct_prompts": len(prompts_at),
        "effective_tasks": round(effective, 1),
        "first_words_entropy": round(_entropy(Counter(" ".join(p.split()[:3]).lower() for p in prompts)), 2),
        "requests": {" ".join(request) or "(no words)": n / len(words) for request, n in common},
        "grades": [round(float(grade), 1) for grade in grades],
        "phrasings_per_request": round(len(set(words)) / max(1.0, effective), 1),
    }
    types = Counter(name for request in words for name in types_of(request))
    figures["task_types"] = {name: types[name] / len(words) for name in TYPES}
    findings = [*_narrow(effective), *_largest(common, len(words)), *_missing(types), *_phrasings(table, drawn, words)]
    if grades[2] - grades[0] < _GRADES:
        findings.append(finding(EVEN, [], count=round(grades[2] - grades[0])))
    return findings, {"breadth": figures}


def _phrasings(table: Table, drawn: NDArray[np.intp], words: Sequence[tuple[str, ...]]) -> list[Finding]:
    """The named tasks whose prompts use only one phrasing."""
    tasks = table.rows["task"][drawn]
    same: list[str] = []
    for task in np.unique(tasks[tasks != 0]):
        phrasings = Counter(words[i] for i in np.flatnonzero(tasks == task).tolist())
        if phrasings.total() >= _OF_TASK and np.exp(_entropy(phrasings)) < _PHRASINGS:
            same.append(f"{table.tasks[int(task)]} (“{' '.join(phrasings.most_common(1)[0][0])}”)")
    what = f"{ONE_PHRASING.what}: {', '.join(same)}"
    return [finding(ONE_PHRASING, [], count=len(same), what=what)] if same else []


def vendi(words: Sequence[tuple[str, ...]]) -> float:
    """The effective number of requests: exp of the entropy of the eigenvalues of their similarity matrix.

    The similarity is the cosine of TF-IDF vectors of the request words. A thousand rows with the same request give 1;
    n requests without a common word give n (Friedman and Dieng, "The Vendi Score", 2023, eq. 2).
    """
    frequency = Counter(word for request in words for word in set(request))
    least = max(2, round(_COMMON * len(words)))
    vocabulary = {word: i for i, word in enumerate(w for w, n in frequency.items() if n >= least)}
    vectors = _tf_idf(words, vocabulary, frequency)
    if not len(vectors):
        return float(len(set(words)))
    similarity = vectors.T @ vectors / len(vectors)  # it has the eigenvalues of the n x n matrix
    eigenvalues = np.linalg.eigvalsh(similarity).astype(np.float64)
    return float(np.exp(_entropy_of(eigenvalues[eigenvalues > 1e-12])))


def _tf_idf(
    words: Sequence[tuple[str, ...]], vocabulary: Mapping[str, int], frequency: Mapping[str, int]
) -> NDArray[np.float64]:
    """The unit TF-IDF vectors [n, words] of the requests with at least one word of the vocabulary."""
    vectors = np.zeros((len(words), len(vocabulary)))
    for row, request in enumerate(words):
        for word in request:
            if word in vocabulary:
                vectors[row, vocabulary[word]] = np.log((1 + len(words)) / frequency[word])
    norms = np.linalg.norm(vectors, axis=1)
    return vectors[norms > 0] / norms[norms > 0, None]


def _entropy(counts: Counter[Any]) -> float:
    return _entropy_of(np.array(list(counts.values()), dtype=np.float64))


def _entropy_of(weights: NDArray[np.float64]) -> float:
    shares = weights / weights.sum()
    return float(-(shares * np.log(shares)).sum())


def _narrow(effective: float) -> list[Finding]:
    if effective >= _NARROW:
        return []
    what = f"{NARROW.what} (effective number: {effective:.1f})"
    return [finding(NARROW, [], count=round(effective), what=what)]


def _largest(common: Sequence[tuple[tuple[str, ...], int]], n: int) -> list[Finding]:
    words, count = common[0]
    if count < _LARGE * n:
        return []
    what = f"of 100 prompts have the request “{' '.join(words)}”"
    return [finding(LARGEST, [], count=round(100 * count / n), what=what)]


def _missing(types: Counter[str]) -> list[Finding]:
    missing = [name for name in TYPES if not types[name]]
    if not missing:
        return []
    return [finding(MISSING, [], count=len(missing), what=f"types of task are missing: {', '.join(missing)}")]
