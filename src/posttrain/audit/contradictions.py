"""One question, several answers: which of them contradict each other, and which questions are only open.

Rows that ask the same and answer differently are all listed. They contradict each other if the question asks for one
answer and the answers are short and differ, if one says yes and the other no, or if they are almost alike but for a
number or a "not". Two essays on one question do not.
"""

import re
from itertools import combinations, islice

import numpy as np
from rapidfuzz.fuzz import ratio

from posttrain.audit.duplicates import AT_ONCE
from posttrain.audit.entry import Entry, numbers_of, words_of
from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.table import Indices, Table, fetch, groups

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

_PAIRS = 20
"""Pairs that are compared in one group."""


def contradictions(table: Table) -> list[Finding]:
    """Repeated questions, and contradictions among them, in SFT rows."""
    rows = table.train
    sft = np.flatnonzero((rows["kind"] == 0) & (rows["prompt_chars"] > 0))
    asked = [sft[group] for group in groups(rows["prompt"][sft])]
    differing = [group for group in asked if len(np.unique(rows["answer"][group])) > 1]
    if not differing:
        return []
    repeated: list[Shown] = []
    wrong: list[Shown] = []
    found: dict[int, Entry] = {}
    for number, group in enumerate(differing):
        if number % 1000 == 0:
            some = np.concatenate(differing[number : number + 1000])[:AT_ONCE]
            found = fetch(table, some.tolist())
        distinct = group[np.sort(np.unique(rows["answer"][group], return_index=True)[1])]
        said = f"“{_start(found, distinct)}” has {len(distinct)} answers"
        repeated += [Shown(table.where(i), said if i == group[0] else "") for i in group.tolist()]
        wrong += _contradicting(table, distinct, found)
    return [
        finding(REPEATED, repeated),
        *([finding(CONTRADICTORY, wrong)] if wrong else []),
    ]


def _start(found: dict[int, Entry], group: Indices) -> str:
    entry = found.get(int(group[0]))
    return "" if entry is None else " ".join(entry.prompt.split())[:80]


def _last(entry: Entry) -> str:
    return entry.final or entry.answer


def _contradicting(table: Table, distinct: Indices, found: dict[int, Entry]) -> list[Shown]:
    """One hit for each row that contradicts an earlier one."""
    hits: dict[int, Shown] = {}
    for a, b in islice(combinations([int(i) for i in distinct if int(i) in found], 2), _PAIRS):
        if found[a].task == found[b].task and contradict(found[a].prompt, _last(found[a]), _last(found[b])):
            one, other = (" ".join(_last(found[i]).split())[:60] for i in (b, a))
            hits.setdefault(b, Shown(table.where(b), f"“{one}”, but {table.where(a)} says “{other}”"))
    return list(hits.values())


def contradict(question: str, one: str, other: str) -> bool:
    """Whether two answers to one question cannot both be right."""
    a, b = words_of(one), words_of(other)
    if not a or not b:
        return False
    if {a[0], b[0]} == {"yes", "no"}:
        return True
    if len(a) <= _SHORT and len(b) <= _SHORT:
        return _OPEN.search(question) is None and not (set(a) <= set(b) or set(b) <= set(a))
    if _OPEN.search(question) or ratio(" ".join(a), " ".join(b)) < _ALIKE:
        return False
    return sorted(numbers_of(one)) != sorted(numbers_of(other)) or len(_NOT & set(a)) != len(_NOT & set(b))
