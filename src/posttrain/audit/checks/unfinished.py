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
    "look at some: most were only written so, a few were cut",
)

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


def unfinished_answers(table: Table, members: NDArray[np.intp]) -> tuple[list[Shown], list[Shown]]:
    """Answers that stop in a word, and others that only lack a full stop, where nearly all have one."""
    ending = table.rows["ending"][members]
    prose = table.rows["form"][members] == FORMS.index("prose")
    closed, open_ = prose & (ending == ENDINGS.index("closed")), prose & (ending == ENDINGS.index("open"))
    if closed.sum() < max(FEWEST, USUAL * (closed | open_).sum()):
        return [], []
    _, known = table.hits.get(TRUNCATED.name, (None, []))  # those are reported already, for a surer reason
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
        held.update(set(words_in(answer)[:-1]))
    some = members[:: max(1, len(members) // _READ)]
    for _, entry in fetch(table, some.tolist()):
        held.update(set(words_in(entry.answer)))
    return sorted(word for word, n in held.items() if len(word) >= _WORD or n >= _FREQUENT * len(some))


def _is_cut(answer: str, vocabulary: Sequence[str]) -> bool:
    """Whether its last word is none, but the beginning of one; a word that only lacks an ending, or a unit, is one."""
    *before, last = ["", *words_in(answer)]
    if not last or (before[-1:] and before[-1].isdecimal()):
        return False
    at = bisect_left(vocabulary, last)
    longer = list(takewhile(lambda word: word.startswith(last), vocabulary[at : at + _NEAR]))
    bare = len(last) >= _WORD and any(word[len(last) :] in _SUFFIXES for word in longer)
    return bool(longer) and longer[0] != last and not bare
