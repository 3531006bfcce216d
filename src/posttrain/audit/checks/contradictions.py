"""Questions with several answers: rows with the same question, and those whose answers contradict each other.

Two answers to a question contradict each other in three cases: the question is closed, and the answers are short and
different; one answer is yes and the other no; or the answers are almost equal and differ in a number or a "not". Two
essays on one question do not contradict each other.
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
    "rows have the same question as another row, and a different answer",
    "keep all if the question is open; if it is closed, keep the right answer",
)
CONTRADICTORY = Rule(
    "contradictory-answers",
    "warn",
    "rows contradict another answer to the same question",
    "keep the right answer: the model cannot learn two contradictory answers",
)

_OPEN = re.compile(
    r"\b(?:write|give|suggest|name|list|generate|create|compose|describe|tell me|come up|propose|make|think of|provide"
    r"|recommend|brainstorm|imagine|any|some|example|one of|favou?rite|opinion|tell|explain|rewrite|paraphrase)\b",
    re.IGNORECASE,
)
_NOT = frozenset({"not", "no", "never", "none", "cannot", "can't", "isn't", "doesn't", "don't", "without", "neither"})
_SHORT = 6
"""Different answers of at most this many words to a closed question are two values, not two wordings of one."""

_ALIKE = 85.0
"""Two longer answers are almost equal if at least this percentage of their characters is equal."""

_ANSWERS = 8
"""The number of first different answers to a question that are compared with each other."""

_AT_ONCE = 2**25
"""The number of characters of questions and answers that are in memory at once."""


def contradictions(table: Table) -> list[Finding]:
    """The findings on SFT rows with the same question: repeated questions, and contradictory answers."""
    rows = table.train
    sft = np.flatnonzero((rows["kind"] == 0) & (rows["prompt_chars"] > 0))
    questions = [sft[group] for group in groups_of_equal_keys(rows["prompt"][sft])]
    differing = [group for group in questions if len(np.unique(rows["answer"][group])) > 1]
    if not differing:
        return []
    answers = [group[np.sort(np.unique(rows["answer"][group], return_index=True)[1])] for group in differing]
    first = [int(distinct[0]) for distinct in answers[:EXAMPLES]]
    questions_of = {i: _start(entry.prompt, 80) for i, entry in fetch(table, first)}
    repeated = [
        Shown(table.where(i), f"“{questions_of[i]}” has {len(distinct)} answers" if i in questions_of else "")
        for group, distinct in zip(differing, answers, strict=True)
        for i in group.tolist()
    ]
    wrong = _contradicting(table, [distinct[:_ANSWERS] for distinct in answers])
    return [finding(REPEATED, repeated), *([finding(CONTRADICTORY, wrong)] if wrong else [])]


def _contradicting(table: Table, answers: Sequence[Indices]) -> list[Shown]:
    """One hit for each row that contradicts an earlier answer to its question."""
    hits: dict[int, Shown] = {}
    padded = np.stack([np.resize(indices, _ANSWERS) for indices in answers])  # fewer answers are repeated
    for batch in batches(table, padded, _AT_ONCE):
        entries = dict(fetch(table, np.unique(batch).tolist()))
        for rows in batch.tolist():
            for a, b in combinations([i for i in dict.fromkeys(rows) if i in entries], 2):
                first, later = entries[a], entries[b]
                if first.task == later.task and contradict(first.prompt, _last(first), _last(later)):
                    quote = f"“{_start(_last(later), 60)}”, but {table.where(a)} says “{_start(_last(first), 60)}”"
                    hits.setdefault(b, Shown(table.where(b), quote))
    return list(hits.values())


def _last(entry: Entry) -> str:
    return entry.final or entry.answer


def _start(text: str, chars: int) -> str:
    return " ".join(text.split())[:chars]


def contradict(question: str, first: str, second: str) -> bool:
    """Whether two answers to one question cannot both be right."""
    a, b = words_in(first), words_in(second)
    if not a or not b:
        return False
    if {a[0], b[0]} == {"yes", "no"}:
        return True
    if len(a) <= _SHORT and len(b) <= _SHORT:
        return _OPEN.search(question) is None and not (set(a) <= set(b) or set(b) <= set(a))
    if _OPEN.search(question) or ratio(" ".join(a), " ".join(b)) < _ALIKE:
        return False
    return sorted(numbers_in(first)) != sorted(numbers_in(second)) or len(_NOT & set(a)) != len(_NOT & set(b))
