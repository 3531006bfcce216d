"""The usual form, ending, language and length of a task's answers, and the rows that differ."""

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.answer_form import FORMS
from posttrain.audit.checks.tasks import FEWEST, USUAL, tasks_of
from posttrain.audit.checks.unfinished import ENDING, OPEN, unfinished_answers
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.table import Table
from posttrain.data.language import LANGUAGES

FORM = Rule(
    "inconsistent-form",
    "warn",
    "answers have another form than most answers of their task",
    "rewrite them in the usual form: otherwise the model learns to mix forms",
)
BROKEN_JSON = Rule(
    "broken-json", "warn", "answers look like JSON and are not valid", "correct them: the model learns broken JSON"
)
LANGUAGE = Rule(
    "other-language",
    "info",
    "rows are in another language than most rows",
    "keep them if the model should write this language; else drop them",
)
LENGTH = Rule(
    "length-outlier",
    "info",
    "answers are far longer or shorter than the others",
    "look at them: they may be whole pages, or answers that lost their text",
)
_STRUCTURED = tuple(FORMS.index(form) for form in ("JSON", "code block", "headings", "list", "label"))
_FAR = 5.0
"""An answer is an outlier if the logarithm of its length is this many robust standard deviations from the median."""

_SPREAD = 0.3
"""The smallest standard deviation that is used: a length within a factor of four of the median is no outlier."""


def consistency_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """Compare each SFT answer with the other answers of its task; return findings and figures."""
    rows = table.train
    answered = np.flatnonzero((rows["kind"] == 0) & (rows["answer_chars"] > 0))
    findings = [*_language(table, np.arange(len(rows)))]
    figures: dict[str, object] = {}
    if not len(answered):
        return findings, figures
    broken = answered[rows["form"][answered] == FORMS.index("broken JSON")]
    if len(broken):
        findings.append(finding(BROKEN_JSON, table.shown(broken.tolist(), lambda entry: entry.answer[:120])))
    forms: list[Shown] = []
    unfinished: list[Shown] = []
    unstopped: list[Shown] = []
    for name, members in tasks_of(table, answered):
        forms += _other_form(table, members, name)
        cut, open_ = unfinished_answers(table, members)
        unfinished += cut
        unstopped += open_
    findings += [finding(FORM, forms)] if forms else []
    findings += [finding(rule, hits) for rule, hits in ((ENDING, unfinished), (OPEN, unstopped)) if hits]
    figures["answer_forms"] = {
        FORMS[i]: int(n) for i, n in enumerate(np.bincount(rows["form"][answered], minlength=len(FORMS))) if n
    }
    return [*findings, *_length(table, answered)], figures


def _other_form(table: Table, members: NDArray[np.intp], name: str) -> list[Shown]:
    form = table.rows["form"][members]
    counts = np.bincount(form, minlength=len(FORMS))
    usual = int(counts.argmax())
    if usual not in _STRUCTURED or counts[usual] < USUAL * len(members):
        return []
    differing = np.flatnonzero((form != usual) & (form != FORMS.index("broken JSON")))
    hits = [Shown(table.where(int(members[i])), f"{FORMS[form[i]]}; {name}: {FORMS[usual]}") for i in differing]
    return hits + _other_shape(table, members[form == usual], f"{FORMS[usual]}, unlike most of {name}")


def _other_shape(table: Table, members: NDArray[np.intp], description: str) -> list[Shown]:
    """The rows whose JSON keys or headings differ from those of most rows."""
    shapes, inverse, counts = np.unique(table.rows["shape"][members], return_inverse=True, return_counts=True)
    if len(shapes) == 1 or counts.max() < USUAL * len(members):
        return []
    return [Shown(table.where(int(i)), description) for i in members[inverse != counts.argmax()]]


def _language(table: Table, members: NDArray[np.intp]) -> list[Finding]:
    language = table.rows["language"][members]
    counts = np.bincount(language, minlength=len(LANGUAGES))
    counts[0] = 0
    usual = int(counts.argmax())
    if counts[usual] < max(FEWEST, USUAL * counts.sum()):
        return []
    differing = np.flatnonzero((language != usual) & (language != 0))
    hits = [Shown(table.where(int(members[i])), LANGUAGES[language[i]]) for i in differing]
    what = f"rows are not in {LANGUAGES[usual]}, the language of most rows"
    return [finding(LANGUAGE, hits, what=what)] if hits else []


def _length(table: Table, members: NDArray[np.intp]) -> list[Finding]:
    if len(members) < FEWEST:
        return []
    length = np.log1p(table.rows["answer_chars"][members].astype(np.float64))
    middle = np.median(length)
    spread = 1.4826 * np.median(np.abs(length - middle))
    far = np.flatnonzero(np.abs(length - middle) > _FAR * max(spread, _SPREAD))
    if not len(far):
        return []
    chars = table.rows["answer_chars"]
    usual = f"the median is {int(np.median(chars[members])):,}"
    hits = [Shown(table.where(int(i)), f"{chars[i]:,} characters; {usual}") for i in members[far]]
    return [finding(LENGTH, hits)]
