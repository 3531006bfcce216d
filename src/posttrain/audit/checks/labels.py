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
    "add rows with the other labels, or draw them more often: a model that always gives this label would look good",
)
NOISE = Rule(
    "label-noise",
    "info",
    "answers carry a label that does not fit the words of their prompt",
    "look at a few: a classifier trained on the other rows expects another label, which may be wrong too",
)

SPELLING = Rule(
    "label-spelling",
    "warn",
    "answers write a label in another way than most answers",
    "write each label in one way: the model also learns letter case and punctuation",
)

_MOST_LABELS = 20
_IMBALANCED = 0.8
_SHORT = 12
_FOLDS = 5
_KNOWS = 0.8
"""The classifier is used only if it gets at least this share of each label's rows right, on average over the labels.

If the words of a prompt do not determine its label, as in verdicts on pairs of answers, it is nearly always wrong.
"""

_MOST_ROWS = 20_000
"""The number of first rows of a task that are searched for label noise."""


def label_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """The findings on every task whose answers are labels, and the counts of each label."""
    rows = table.train
    answered = np.flatnonzero((rows["kind"] == 0) & (rows["answer_chars"] > 0))
    findings: list[Finding] = []
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
            findings.append(finding(CLASSES, [], count=int(counts.max()), what=what))
        spelled += _spelled(table, members)
        noisy += _noise(table, members[:_MOST_ROWS], names)
    findings += [finding(rule, hits) for rule, hits in ((SPELLING, spelled), (NOISE, noisy)) if hits]
    return findings, {"labels": figures} if figures else {}


def _labels(table: Table, members: NDArray[np.intp]) -> dict[int, str]:
    """Hash of an answer → label; empty if the answers are not labels."""
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
    """The rows whose label differs from its usual spelling in letter case, punctuation or blanks."""
    answers = {index: entry.answer for index, entry in fetch(table, members.tolist())}
    keys = table.rows["answer"]
    usual: dict[int, str] = {}
    for (key, text), _ in reversed(Counter((int(keys[i]), text) for i, text in answers.items()).most_common()):
        usual[key] = text  # the most frequent spelling comes last
    return [
        Shown(table.where(i), f"{text!r}, mostly {usual[int(keys[i])]!r}")
        for i, text in answers.items()
        if text != usual[int(keys[i])]
    ]


def _noise(table: Table, members: NDArray[np.intp], names: dict[int, str]) -> list[Shown]:
    """The rows whose label is probably wrong; empty if the extra `labels` is not installed.

    This is confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", 2021) on out-of-sample probabilities of a logistic regression on TF-IDF vectors.
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
    if np.mean([(likely[label == number] == number).mean() for number in range(len(keys))]) < _KNOWS:
        return []
    wrong = np.flatnonzero(find_label_issues(label, probabilities, n_jobs=1))
    return [
        Shown(
            table.where(int(members[i])),
            f"labelled “{names[int(keys[label[i]])]}”, probably “{names[int(keys[likely[i]])]}”",
        )
        for i in wrong.tolist()
    ]
