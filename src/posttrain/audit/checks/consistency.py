"""What most rows of a task have in common, and the rows that lack it: form, ending, language, length."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.answer_form import ENDINGS, FORMS
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.rows.entry import Entry, words_of
from posttrain.audit.rows.table import Table, fetch
from posttrain.data.language import LANGUAGES

FORM = Rule(
    "inconsistent-form",
    "warn",
    "answers have another form than most answers of their task",
    "bring them into the one form: the model learns to mix forms",
)
BROKEN_JSON = Rule(
    "broken-json", "warn", "answers look like JSON and are none", "mend them: the model learns to write broken JSON"
)
ENDING = Rule(
    "unfinished",
    "warn",
    "answers stop in the middle of a word, where most end with a full stop",
    "complete them or drop the rows: they were probably cut",
)
OPEN = Rule(
    "no-full-stop",
    "info",
    "answers of several sentences end without a full stop, where most end with one",
    "look at some: most were only written so, a few were cut",
)
LANGUAGE = Rule(
    "other-language",
    "info",
    "rows are in another language than most",
    "fine if wanted; otherwise drop them",
)
LENGTH = Rule(
    "length-outlier",
    "info",
    "answers are far longer or shorter than the others",
    "look at them: pages pasted whole, or answers that lost their text",
)
_FEWEST = 30
"""Answers of a task below which nothing is called usual."""

_USUAL = 0.9
"""Share of the answers that makes a form or a language the usual one."""

_READ = 10_000
"""Answers whose words are taken for all words there are."""

_NEAR = 50
"""Words that begin alike which are looked at."""

_WORD = 3
"""Letters of a word that needs not be frequent, and that may lack an ending."""

_FREQUENT = 0.01
"""Share of the answers that hold a word of fewer letters."""

_SUFFIXES = frozenset({"es", "ed", "ing", "ly"})
"""Endings that a whole word may lack."""

_STRUCTURED = tuple(FORMS.index(form) for form in ("JSON", "code block", "headings", "list", "label"))
_FAR = 5.0
"""Robust standard deviations of the logarithm of a length."""

_SPREAD = 0.3
"""Standard deviation that lengths have at least: less than four times the usual length is never far."""


def consistency_checks(table: Table) -> tuple[list[Finding], dict[str, object]]:
    """Findings on SFT answers beside the others of their task, and the figures behind them."""
    rows = table.train
    answered = np.flatnonzero((rows["kind"] == 0) & (rows["answer_chars"] > 0))
    found = [*_language(table, np.arange(len(rows)))]
    figures: dict[str, object] = {}
    if not len(answered):
        return found, figures
    broken = answered[rows["form"][answered] == FORMS.index("broken JSON")]
    if len(broken):
        found.append(finding(BROKEN_JSON, table.shown(broken.tolist(), lambda entry: entry.answer[:120])))
    forms: list[Shown] = []
    unfinished: list[Shown] = []
    unstopped: list[Shown] = []
    for name, members in tasks_of(table, answered):
        forms += _other_form(table, members, name)
        cut, open_ = _unfinished(table, members)
        unfinished += cut
        unstopped += open_
    found += [finding(FORM, forms)] if forms else []
    found += [finding(rule, hits) for rule, hits in ((ENDING, unfinished), (OPEN, unstopped)) if hits]
    figures["answer_forms"] = {
        FORMS[i]: int(n) for i, n in enumerate(np.bincount(rows["form"][answered], minlength=len(FORMS))) if n
    }
    return [*found, *_length(table, answered)], figures


def tasks_of(table: Table, indices: NDArray[np.intp]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """(task, its rows) of every task with enough rows to have something usual; all rows where none is stated."""
    stated = table.rows["task"][indices]
    for task in np.unique(stated):
        members = indices[stated == task]
        if len(members) >= _FEWEST:
            yield table.tasks.get(int(task), "all rows"), members


def _other_form(table: Table, members: NDArray[np.intp], name: str) -> list[Shown]:
    form = table.rows["form"][members]
    counts = np.bincount(form, minlength=len(FORMS))
    usual = int(counts.argmax())
    if usual not in _STRUCTURED or counts[usual] < _USUAL * len(members):
        return []
    others = np.flatnonzero((form != usual) & (form != FORMS.index("broken JSON")))
    hits = [Shown(table.where(int(members[i])), f"{FORMS[form[i]]}; {name}: {FORMS[usual]}") for i in others]
    return hits + _other_shape(table, members[form == usual], f"{FORMS[usual]}, not as most of {name}")


def _other_shape(table: Table, members: NDArray[np.intp], said: str) -> list[Shown]:
    """JSON with other keys than most, or other headings."""
    shapes, inverse, counts = np.unique(table.rows["shape"][members], return_inverse=True, return_counts=True)
    if len(shapes) == 1 or counts.max() < _USUAL * len(members):
        return []
    return [Shown(table.where(int(i)), said) for i in members[inverse != counts.argmax()]]


def _unfinished(table: Table, members: NDArray[np.intp]) -> tuple[list[Shown], list[Shown]]:
    """Answers that stop in a word, and others that only lack a full stop, where nearly all have one."""
    ending = table.rows["ending"][members]
    prose = table.rows["form"][members] == FORMS.index("prose")
    closed, open_ = prose & (ending == ENDINGS.index("closed")), prose & (ending == ENDINGS.index("open"))
    if closed.sum() < max(_FEWEST, _USUAL * (closed | open_).sum()):
        return [], []
    _, known = table.hits.get("truncated", (None, []))  # those are reported already, for a surer reason
    reported = {hit.where for hit in known}
    left = [i for i in members[open_].tolist() if table.where(i) not in reported]
    if not left:
        return [], []
    answers = {i: entry.answer.rstrip() for i, entry in fetch(table, left)}
    vocabulary = _vocabulary(table, members[closed], answers.values())
    cut = [i for i in left if i in answers and _is_cut(answers[i], vocabulary)]
    rest = [i for i in left if i not in set(cut)]
    return table.shown(cut, _end), table.shown(rest, _end)


def _end(entry: Entry) -> str:
    return "…" + entry.answer.rstrip()[-60:]


def _vocabulary(table: Table, members: NDArray[np.intp], answers: Iterable[str]) -> list[str]:
    """The words of some answers that end well, and of others but for their last, sorted.

    A word of one or two letters must be frequent: others are marks, units and remains.
    """
    held: Counter[str] = Counter()
    for answer in answers:
        held.update(set(words_of(answer)[:-1]))
    some = members[:: max(1, len(members) // _READ)]
    for _, entry in fetch(table, some.tolist()):
        held.update(set(words_of(entry.answer)))
    return sorted(word for word, n in held.items() if len(word) >= _WORD or n >= _FREQUENT * len(some))


def _is_cut(answer: str, vocabulary: Sequence[str]) -> bool:
    """Whether its last word is none, but the beginning of one; a word that only lacks an ending, or a unit, is one."""
    *before, last = ["", *words_of(answer)]
    if not last or (before[-1:] and before[-1].isdecimal()):
        return False
    at = bisect_left(vocabulary, last)
    longer = list(takewhile(lambda word: word.startswith(last), vocabulary[at : at + _NEAR]))
    bare = len(last) >= _WORD and any(word[len(last) :] in _SUFFIXES for word in longer)
    return bool(longer) and longer[0] != last and not bare


def _language(table: Table, members: NDArray[np.intp]) -> list[Finding]:
    language = table.rows["language"][members]
    counts = np.bincount(language, minlength=len(LANGUAGES))
    counts[0] = 0
    usual = int(counts.argmax())
    if counts[usual] < max(_FEWEST, _USUAL * counts.sum()):
        return []
    others = np.flatnonzero((language != usual) & (language != 0))
    hits = [Shown(table.where(int(members[i])), LANGUAGES[language[i]]) for i in others]
    what = f"rows are not in {LANGUAGES[usual]}, as most are"
    return [finding(LANGUAGE, hits, what=what)] if hits else []


def _length(table: Table, members: NDArray[np.intp]) -> list[Finding]:
    if len(members) < _FEWEST:
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
