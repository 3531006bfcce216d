"""Questions with several answers: which answers contradict each other, and which questions are only open.

Rows that ask the same and answer differently are all listed. They contradict each other if the question asks for one
answer and the answers are short and differ, if one says yes and the other no, or if they are almost alike but for a
number or a "not". Two essays on one question do not.
"""

import re
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from rapidfuzz.fuzz import ratio

from posttrain.audit.findings import EXAMPLES, Finding, Rule, Shown, finding
from posttrain.audit.rows.entry import Entry, words_in
from posttrain.audit.rows.table import Indices, Table, batches, fetch, groups_of_equal_keys
from posttrain.data.similarity import numbers_in

REPEATED = Rule(
    "repeated-question",
    "info",
    "rows ask what another row asks, and answer differently",
    "fine for open questions; for closed ones keep the answer that is right",
)
CONTRADICTORY = Rule(
    "contradictory-answers",
    "warn",
    "rows contradict another answer to the same question",
    "keep the right one: of two contradictory answers the model learns neither",
)

_OPEN = re.compile(
    r"\b(?:write|give|suggest|name|list|generate|create|compose|describe|tell me|come up|propose|make|think of|provide"
    r"|recommend|brainstorm|imagine|any|some|example|one of|favou?rite|opinion|tell|explain|rewrite|paraphrase)\b",
    re.IGNORECASE,
)
_NOT = frozenset({"not", "no", "never", "none", "cannot", "can't", "isn't", "doesn't", "don't", "without", "neither"})
_SHORT = 6
"""Words up to which two answers to a closed question are taken for two values, not two wordings."""

_ALIKE = 85.0
"""Percent of equal characters from which on two longer answers are one answer with a change in it."""

_ANSWERS = 8
"""Different answers to one question that are compared with each other, the first ones."""

_AT_ONCE = 2**25
"""Characters of questions and answers held in memory."""


def contradictions(table: Table) -> list[Finding]:
    """Repeated questions, and contradictions among them, in SFT rows."""
    rows = table.train
    sft = np.flatnonzero((rows["kind"] == 0) & (rows["prompt_chars"] > 0))
    questions = [sft[group] for group in groups_of_equal_keys(rows["prompt"][sft])]
    differing = [group for group in questions if len(np.unique(rows["answer"][group])) > 1]
    if not differing:
        return []
    answers = [group[np.sort(np.unique(rows["answer"][group], return_index=True)[1])] for group in differing]
    asks = {i: _start(entry.prompt, 80) for i, entry in fetch(table, [int(some[0]) for some in answers[:EXAMPLES]])}
    repeated = [
        Shown(table.where(i), f"“{asks[i]}” has {len(some)} answers" if i in asks else "")
        for group, some in zip(differing, answers, strict=True)
        for i in group.tolist()
    ]
    wrong = _contradicting(table, [some[:_ANSWERS] for some in answers])
    return [finding(REPEATED, repeated), *([finding(CONTRADICTORY, wrong)] if wrong else [])]


def _contradicting(table: Table, answers: Sequence[Indices]) -> list[Shown]:
    """One hit for each row that contradicts an earlier answer to its question."""
    hits: dict[int, Shown] = {}
    even = np.stack([np.resize(some, _ANSWERS) for some in answers])  # repeats the answers where there are few
    for some in batches(table, even, _AT_ONCE):
        found = dict(fetch(table, np.unique(some).tolist()))
        for rows in some.tolist():
            for a, b in combinations([i for i in dict.fromkeys(rows) if i in found], 2):
                one, other = found[a], found[b]
                if one.task == other.task and contradict(one.prompt, _last(one), _last(other)):
                    quote = f"“{_start(_last(other), 60)}”, but {table.where(a)} says “{_start(_last(one), 60)}”"
                    hits.setdefault(b, Shown(table.where(b), quote))
    return list(hits.values())


def _last(entry: Entry) -> str:
    return entry.final or entry.answer


def _start(text: str, chars: int) -> str:
    return " ".join(text.split())[:chars]


def contradict(question: str, one: str, other: str) -> bool:
    """Whether two answers to one question cannot both be right."""
    a, b = words_in(one), words_in(other)
    if not a or not b:
        return False
    if {a[0], b[0]} == {"yes", "no"}:
        return True
    if len(a) <= _SHORT and len(b) <= _SHORT:
        return _OPEN.search(question) is None and not (set(a) <= set(b) or set(b) <= set(a))
    if _OPEN.search(question) or ratio(" ".join(a), " ".join(b)) < _ALIKE:
        return False
    return sorted(numbers_in(one)) != sorted(numbers_in(other)) or len(_NOT & set(a)) != len(_NOT & set(b))
