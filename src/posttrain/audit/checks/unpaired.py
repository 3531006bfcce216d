"""Answers with a label, good or bad: labels on one side, and answers with both labels."""

import numpy as np

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.table import Table, groups_of_equal_keys

ONE_SIDED = Rule(
    "one-sided-labels",
    "warn",
    "rows have the same label, and no row has the other one",
    "add answers with the other label: without them the model does not learn what the label means",
)
UNBALANCED = Rule(
    "label-balance",
    "info",
    "rows have the label of the more frequent side",
    "set desirable_weight or undesirable_weight, so that all good rows weigh 1 to 4/3 times as much as all bad rows",
)
CONTRADICTORY_LABELS = Rule(
    "contradictory-labels",
    "warn",
    "rows give an answer the label that another row with the same prompt and answer does not have",
    "keep the right label, or drop all rows of the answer: together they teach nothing",
)

_ADVISED = (1.0, 4 / 3)
"""KTO's paper, arXiv:2402.01306, eq. 8: the weight of the good rows over that of the bad rows."""


def unpaired_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """The findings on rows with a label, and the numbers of good and bad rows."""
    rows = table.train
    labelled = np.flatnonzero(rows["good"] > 0)
    if not len(labelled):
        return [], {}
    good, bad = (int((rows["good"][labelled] == value).sum()) for value in (1, 2))
    findings: list[Finding] = []
    if not good or not bad:
        what = f"rows have the label {'true' if good else 'false'}, and no row has the other one"
        findings.append(finding(ONE_SIDED, [], count=good + bad, what=what))
    elif not _ADVISED[0] <= good / bad <= _ADVISED[1]:
        what = f"rows are {'good' if good > bad else 'bad'}, and {min(good, bad):,} are the opposite"
        findings.append(finding(UNBALANCED, [], count=max(good, bad), what=what))
    keys = rows["prompt"] * np.uint64(0x9E3779B97F4A7C15) ^ rows["answer"]
    hits: list[Shown] = []
    for group in groups_of_equal_keys(keys[labelled]):
        members = labelled[group]
        if len(np.unique(rows["good"][members])) > 1:
            hits += [
                Shown(table.where(i), f"label {'true' if rows['good'][i] == 1 else 'false'}, see {table.where(other)}")
                for i in members.tolist()
                for other in [next(j for j in members.tolist() if rows["good"][j] != rows["good"][i])]
            ]
    if hits:
        findings.append(finding(CONTRADICTORY_LABELS, hits))
    return findings, {"unpaired": {"good": good, "bad": bad}}
