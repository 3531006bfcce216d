"""Answers that stop in the middle, where most answers of their task end with a full stop."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from posttrain.audit.checks.answer_form import ENDINGS, FORMS
from posttrain.audit.checks.tasks import FEWEST, USUAL
from posttrain.audit.checks.text import TRUNCATED
from posttrain.audit.findings import Rule, Shown
from posttrain.audit.rows.entry import Entry, words_in
from posttrain.audit.rows.table import Table, fetch

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
    "look at some of them: most are only written without one, a few were cut",
)

_READ = 10_000
"""The number of complete answers whose words form the vocabulary."""

_NEAR = 50
"""The number of vocabulary words with the same beginning that are compared."""

_WORD = 3
"""A word of fewer letters belongs to the vocabulary only if it is frequent, and it cannot lack a suffix."""

_FREQUENT = 0.01
"""A word of fewer letters is frequent if this share of the answers holds it."""

_SUFFIXES = frozenset({"es", "ed", "ing", "ly"})
"""Suffixes: a word that lacks only one of them is complete."""


def unfinished_answers(table: Table, members: NDArray[np.intp]) -> tuple[list[Shown], list[Shown]]:
    """The answers that stop within a word, and those that only lack a full stop; none unless most end with one."""
    ending = table.rows["ending"][members]
    prose = table.rows["form"][members] == FORMS.index("prose")
    closed, open_ = prose & (ending == ENDINGS.index("closed")), prose & (ending == ENDINGS.index("open"))
    if closed.sum() < max(FEWEST, USUAL * (closed | open_).sum()):
        return [], []
    _, known = table.hits.get(TRUNCATED.name, (None, []))  # another finding reports these already
    reported = {hit.where for hit in known}
    left = [i for i in members[open_].tolist() if table.where(i) not in reported]
    if not left:
        return [], []
    answers = {i: entry.answer.rstrip() for i, entry in fetch(table, left)}
    vocabulary = _vocabulary(table, members[closed], answers.values())
    cut = [i for i in left if i in answers and _is_cut(answers[i], vocabulary)]
    unstopped = [i for i in left if i not in set(cut)]
    return table.shown(cut, _end), table.shown(unstopped, _end)


def _end(entry: Entry) -> str:
    return "…" + entry.answer.rstrip()[-60:]


def _vocabulary(table: Table, members: NDArray[np.intp], answers: Iterable[str]) -> list[str]:
    """The words of complete answers, and the words of `answers` without the last one of each, sorted.

    Words of one or two letters must be frequent, since rare ones are marks, units and parts of words.
    """
    counts: Counter[str] = Counter()
    for answer in answers:
        counts.update(set(words_in(answer)[:-1]))
    sample = members[:: max(1, len(members) // _READ)]
    for _, entry in fetch(table, sample.tolist()):
        counts.update(set(words_in(entry.answer)))
    return sorted(word for word, n in counts.items() if len(word) >= _WORD or n >= _FREQUENT * len(sample))


def _is_cut(answer: str, vocabulary: Sequence[str]) -> bool:
    """Whether the last word is only the beginning of a word. A word that lacks a suffix, or a unit, is complete."""
    *before, last = ["", *words_in(answer)]
    if not last or (before[-1:] and before[-1].isdecimal()):
        return False
    at = bisect_left(vocabulary, last)
    longer = list(takewhile(lambda word: word.startswith(last), vocabulary[at : at + _NEAR]))
    bare = len(last) >= _WORD and any(word[len(last) :] in _SUFFIXES for word in longer)
    return bool(longer) and longer[0] != last and not bare
