"""Rows of two responses to an instruction, with annotators' verdicts (0 tie, 1 first, 2 second)."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from posttrain.audit.rows.entry import Entry, judge_of, key_of
from posttrain.data.files.read import Row
from posttrain.data.files.strict_json import kind_of

_ANNOTATOR = re.compile(r"annotator_?\d+", re.IGNORECASE)


def read_judged(row: Row, task: str | None) -> tuple[Entry, str | None]:
    """The entry, ranked by majority, and a sentence on columns that hold no text; None if all hold text."""
    parts = [row.values.get(c) for c in ("instruction", "prompt", "question", "input")]
    prompt = "\n\n".join(text for text in parts if isinstance(text, str) and text.strip())
    sides = [row.values["response1"], row.values["response2"]]
    wrong = [
        f"response{number} must be a string, this is {kind_of(side)} ({side!r})"
        for number, side in enumerate(sides, 1)
        if not isinstance(side, str)
    ]
    outputs = tuple("" if side is None else str(side) for side in sides)
    ranks = {1: (1.0, 2.0), 2: (2.0, 1.0)}.get(majority_verdict(row.values), (1.0, 1.0))
    key, judge = key_of(row.values, "preference"), judge_of(row.values)
    entry = Entry(row.where, "preference", prompt, outputs, ranks, row.values, key, task, judge=judge)
    return entry, "; ".join(wrong) or None


def majority_verdict(values: Mapping[str, Any]) -> int:
    """The response that more than half of the annotators chose: 1 or 2; else 0."""
    choices = votes(values)
    winner, count = Counter(choices).most_common(1)[0] if choices else (0, 0)
    return winner if 2 * count > len(choices) else 0


def votes(values: Mapping[str, Any]) -> list[int]:
    """The verdict of each annotator."""
    return [vote for _, vote in verdicts(values)]


def verdicts(values: Mapping[str, Any]) -> list[tuple[str, int]]:
    """(annotator, verdict) of a row, from a column per annotator or from a ranking of two with its display order."""
    choices = [(name, v) for name, v in values.items() if _ANNOTATOR.fullmatch(name) and v in (0, 1, 2)]
    order, ranks = values.get("shown_order"), values.get("ranks")
    if isinstance(order, list) and isinstance(ranks, dict) and len(order) == 2:
        first, second = (ranks.get(str(name)) for name in order)
        if isinstance(first, int | float) and isinstance(second, int | float):
            choices.append((str(values.get("annotator") or ""), 0 if first == second else 1 + (second < first)))
    return choices
