"""Answers that are labels: their balance, their spelling, and labels that look wrong."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.answer_form import FORMS
from posttrain.audit.checks.tasks import tasks_of
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.table import Table, fetch

CLASSES = Rule(
    "class-imbalance",
    "warn",
    "answers carry the same label",
    "add rows with the other labels, or draw them more often; a model that always says the same would look good",
)
NOISE = Rule(
    "label-noise",
    "info",
    "answers carry a label that the words of their prompt speak against",
    "look at a few: a classifier trained on the other rows is sure of another label, which may be wrong as well",
)

SPELLING = Rule(
    "label-spelling",
    "warn",
    "answers write a label otherwise than most",
    "write each label in one way: letter case and punctuation are learnt too",
)

_MOST_LABELS = 20
_IMBALANCED = 0.8
_SHORT = 12
_FOLDS = 5
_KNOWS = 0.8
"""Share of the rows of each label that the classifier must get right, on average, before its doubts are worth a look.

Where the words do not tell the label, as in verdicts on pairs of answers, nearly all its doubts are wrong.
"""

_MOST_ROWS = 20_000
"""Rows of a task that are searched for label noise, the first ones."""


def label_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """Class balance and label noise of every task whose answers are labels, and how often each label is given."""
    rows = table.train
    answered = np.flatnonzero((rows["kind"] == 0) & (rows["answer_chars"] > 0))
    found: list[Finding] = []
    figures: dict[str, dict[str, int]] = {}
    spelled: list[Shown] = []
    noisy: list[Shown] = []
    for task, members in tasks_of(table, answered):
        names = _labels(table, members)
        if not names:
            continue
        keys, counts = np.unique(rows["answer"][members], return_counts=True)
        figures[task] = {names[int(key)]: int(n) for key, n in zip(keys, counts, strict=True)}
        if counts.max() >= _IMBALANCED * counts.sum():
            what = f"of {len(members):,} answers of {task} are “{names[int(keys[counts.argmax()])]}”"
            found.append(finding(CLASSES, [], count=int(counts.max()), what=what))
        spelled += _spelled(table, members)
        noisy += _noise(table, members[:_MOST_ROWS], names)
    found += [finding(rule, hits) for rule, hits in ((SPELLING, spelled), (NOISE, noisy)) if hits]
    return found, {"labels": figures} if figures else {}


def _labels(table: Table, members: NDArray[np.intp]) -> dict[int, str]:
    """Hash → label; nothing where the answers are no labels."""
    rows = table.rows
    short = (rows["form"][members] == FORMS.index("label")) | (rows["answer_chars"][members] <= _SHORT)
    if short.sum() < 0.95 * len(members):
        return {}
    keys, first = np.unique(rows["answer"][members], return_index=True)
    if not 1 < len(keys) <= _MOST_LABELS:
        return {}
    texts = dict(fetch(table, members[first].tolist()))
    return {int(key): texts[int(members[i])].answer.strip() for key, i in zip(keys, first, strict=True)}


def _spelled(table: Table, members: NDArray[np.intp]) -> list[Shown]:
    """Rows whose label differs from its usual spelling in letter case, punctuation or blanks."""
    answers = {index: entry.answer for index, entry in fetch(table, members.tolist())}
    keys = table.rows["answer"]
    usual: dict[int, str] = {}
    for (key, text), _ in reversed(Counter((int(keys[i]), text) for i, text in answers.items()).most_common()):
        usual[key] = text  # the most frequent comes last
    return [
        Shown(table.where(i), f"{text!r}, mostly {usual[int(keys[i])]!r}")
        for i, text in answers.items()
        if text != usual[int(keys[i])]
    ]


def _noise(table: Table, members: NDArray[np.intp], names: dict[int, str]) -> list[Shown]:
    """Rows whose label a classifier that never saw them holds for wrong; nothing without the extra `labels`.

    Confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
    2021) on out-of-sample probabilities of a logistic regression on TF-IDF vectors.
    """
    try:
        from cleanlab.filter import find_label_issues
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
    except ModuleNotFoundError:
        return []
    keys, label, counts = np.unique(table.rows["answer"][members], return_inverse=True, return_counts=True)
    if len(keys) < 2 or counts.min() < _FOLDS:
        return []
    entries = dict(fetch(table, members.tolist()))
    vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), max_features=50_000).fit_transform(
        [entries[i].prompt for i in members.tolist()]
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    probabilities: Any = cross_val_predict(
        LogisticRegression(C=10, max_iter=1000), vectors, label, cv=folds, method="predict_proba"
    )
    likely = probabilities.argmax(axis=1)
    if np.mean([(likely[label == one] == one).mean() for one in range(len(keys))]) < _KNOWS:
        return []
    wrong = np.flatnonzero(find_label_issues(label, probabilities, n_jobs=1))
    return [
        Shown(
            table.where(int(members[i])),
            f"labelled “{names[int(keys[label[i]])]}”, reads like “{names[int(keys[likely[i]])]}”",
        )
        for i in wrong.tolist()
    ]
