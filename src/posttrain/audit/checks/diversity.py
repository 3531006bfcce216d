"""The diversity of a set of prompts, which instruction fine-tuning depends on: how many different tasks they set."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.request_type import TYPES, asking, types_of
from posttrain.audit.findings import Finding, Rule, finding
from posttrain.audit.rows.table import Table, fetch

NARROW = Rule(
    "narrow-tasks",
    "info",
    "kinds of request are all there effectively are",
    "enough for one task (SFT); for IFT add tasks, not rows: breadth is what carries over to unseen ones",
)
LARGEST = Rule(
    "dominating-task",
    "info",
    "of 100 prompts ask in the same words",
    "draw this task less often (weight, temperature), or word its instruction in more ways",
)
ONE_PHRASING = Rule(
    "one-phrasing",
    "info",
    "tasks are always asked for in the same words",
    "word their instruction in several ways: the model learns the words instead of the task",
)
EVEN = Rule(
    "even-difficulty",
    "info",
    "school grades are all that lie between the easiest and the hardest prompts, by their wording",
    "add easier and harder ones: a model trained on one level does not learn to tell them apart",
)
MISSING = Rule(
    "missing-task-types",
    "info",
    "types of task of the reference list are missing",
    "add some rows of each, if the model shall follow such instructions",
)

SAMPLE = 1500
"""Prompts that are compared with each other; the draw by hash gives the same prompts each time."""

_FEWEST = 50
_COMMON = 0.01
"""Share of the prompts that must use a word before it counts as part of a request; rarer words are topics."""

_NARROW = 10.0
_LARGE = 0.3
_PHRASINGS = 1.5
"""Effective number of phrasings of a task below which it counts as one."""

_OF_TASK = 30
_GRADES = 2.0
_VOWELS = re.compile(r"[aeiouy]+")
_LETTERS = re.compile(r"[a-z]+")
_STOPS = re.compile(r"[.!?:\n]+")


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
    grades = np.quantile([grade_of(prompt) for prompt in prompts], [0.05, 0.5, 0.95])
    common = Counter(words).most_common(10)
    effective = vendi(words)
    figures: dict[str, object] = {
        "distinct_prompts": len(prompts_at),
        "effective_tasks": round(effective, 1),
        "first_words_entropy": round(_entropy(Counter(" ".join(p.split()[:3]).lower() for p in prompts)), 2),
        "requests": {" ".join(some) or "(no words)": n / len(words) for some, n in common},
        "grades": [round(float(grade), 1) for grade in grades],
        "phrasings_per_request": round(len(set(words)) / max(1.0, effective), 1),
    }
    types = Counter(name for some in words for name in types_of(some))
    figures["task_types"] = {name: types[name] / len(words) for name in TYPES}
    found = [*_narrow(effective), *_largest(common, len(words)), *_missing(types), *_phrasings(table, drawn, words)]
    if grades[2] - grades[0] < _GRADES:
        found.append(finding(EVEN, [], count=round(grades[2] - grades[0])))
    return found, {"breadth": figures}


def grade_of(text: str) -> float:
    """School grade that a text's wording asks for, roughly, from the length of its sentences and words.

    Kincaid, Fishburne, Rogers and Chissom, "Derivation of new readability formulas", 1975; syllables are counted as
    groups of vowels. Made for English.
    """
    text = text.lower()
    words = _LETTERS.findall(text)
    if not words:
        return 0.0
    sentences = sum(bool(part.strip()) for part in _STOPS.split(text))
    syllables = sum(max(1, len(_VOWELS.findall(word))) for word in words)
    return 0.39 * len(words) / max(1, sentences) + 11.8 * syllables / len(words) - 15.59


def _phrasings(table: Table, drawn: NDArray[np.intp], words: Sequence[tuple[str, ...]]) -> list[Finding]:
    """The named tasks whose prompts use only one phrasing."""
    tasks = table.rows["task"][drawn]
    same: list[str] = []
    for task in np.unique(tasks[tasks != 0]):
        phrasings = Counter(words[i] for i in np.flatnonzero(tasks == task).tolist())
        if phrasings.total() >= _OF_TASK and np.exp(_entropy(phrasings)) < _PHRASINGS:
            same.append(f"{table.tasks[int(task)]} (“{' '.join(phrasings.most_common(1)[0][0])}”)")
    what = f"tasks are always asked for in the same words: {', '.join(same)}"
    return [finding(ONE_PHRASING, [], count=len(same), what=what)] if same else []


def vendi(words: Sequence[tuple[str, ...]]) -> float:
    """Effective number of requests: exp of the entropy of the eigenvalues of their similarity.

    Similarity is the cosine of TF-IDF vectors of the words of asking. One request in a thousand rows counts one, n
    requests without a common word count n (Friedman and Dieng, "The Vendi Score", 2023, eq. 2).
    """
    frequency = Counter(word for some in words for word in set(some))
    least = max(2, round(_COMMON * len(words)))
    vocabulary = {word: i for i, word in enumerate(w for w, n in frequency.items() if n >= least)}
    vectors = _tf_idf(words, vocabulary, frequency)
    if not len(vectors):
        return float(len(set(words)))
    similarity = vectors.T @ vectors / len(vectors)  # has the eigenvalues of the n x n one
    eigenvalues = np.linalg.eigvalsh(similarity).astype(np.float64)
    return float(np.exp(_entropy_of(eigenvalues[eigenvalues > 1e-12])))


def _tf_idf(
    words: Sequence[tuple[str, ...]], vocabulary: Mapping[str, int], frequency: Mapping[str, int]
) -> NDArray[np.float64]:
    """Unit vectors [n, words] of those that have a common word."""
    vectors = np.zeros((len(words), len(vocabulary)))
    for row, some in enumerate(words):
        for word in some:
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
    what = f"prompts ask for effectively {effective:.1f} kinds of request"
    return [finding(NARROW, [], count=round(effective), what=what)]


def _largest(common: Sequence[tuple[tuple[str, ...], int]], n: int) -> list[Finding]:
    words, count = common[0]
    if count < _LARGE * n:
        return []
    what = f"of 100 prompts ask “{' '.join(words)}”"
    return [finding(LARGEST, [], count=round(100 * count / n), what=what)]


def _missing(types: Counter[str]) -> list[Finding]:
    missing = [name for name in TYPES if not types[name]]
    if not missing:
        return []
    return [finding(MISSING, [], count=len(missing), what=f"types of task are missing: {', '.join(missing)}")]
