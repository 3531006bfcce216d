"""What single answers are: labels, a constant, numbers, formulas, or texts short enough to compare as a whole."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from posttrain.errors import InputError
from posttrain.rewards.math import final_answer, first_quantity, math_score

_FEWEST = 5
"""Minimal number of answers for calling them constant."""

_CONSTANT = 0.99
"""Share of equal answers from which on all answers count as equal."""

_LONGEST_NUMBER = 40
_LONGEST_LABEL = 30
_LONGEST_MATCH = 6
"""Most words of an answer that is compared as a whole; a longer answer has too many right wordings."""

_MOST_LABELS = 20

_SENTENCE = re.compile(r"[.!?]\s*$|\n")
_BOXED = re.compile(r"\\f?box(?:ed)?\{")
_MARKED = re.compile(r"####|\\boxed|\banswer\b", re.IGNORECASE)
_ALONE = re.compile(r"[-+−$€£¥\s]*\d[\d.,/\s]*%?(?: [^\W\d]+){0,2}\.?")
"""A number with its unit and nothing before it. In "we saw 3" it is unclear whether 3 is the answer."""


def labels_of(values: Iterable[object]) -> tuple[str, ...] | None:
    """The labels, if the values are a few labels that occur often; else None."""
    counts: dict[str, int] = {}
    for value in values:
        label = str(value).strip()
        if not label or len(label) > _LONGEST_LABEL or len(counts) > _MOST_LABELS:
            return None
        counts[label] = counts.get(label, 0) + 1
    few = 1 < len(counts) <= _MOST_LABELS and 3 * len(counts) <= sum(counts.values())
    return tuple(counts) if few else None


def constant_of(answers: Sequence[Any]) -> str | None:
    """The answer that at least 99% of the rows share; None if they differ, or there are fewer than five."""
    if len(answers) < _FEWEST:
        return None
    answer, count = Counter(str(value).strip() for value in answers).most_common(1)[0]
    return answer if count >= _CONSTANT * len(answers) else None


def number_or_formula(value: Any) -> Literal["number", "formula"] | None:
    """Whether the reward `math` compares an answer as a number or a formula; None without a clear final answer."""
    text = str(value).strip()
    if value is None or isinstance(value, bool) or not (_MARKED.search(text) or _ALONE.fullmatch(text)):
        return None
    answer = final_answer(text, numeric=False)
    try:
        if first_quantity(answer) is not None and len(answer) <= _LONGEST_NUMBER:
            return "number" if math_score(text, value) == 1.0 else None
        if answer and _BOXED.search(text):
            math_score("\\boxed{0}", value)  # raises if the formula cannot be read
            return "formula"
    except InputError:
        pass
    return None


def is_boxed(value: Any) -> bool:
    r"""Whether an answer holds a ``\boxed{...}`` value."""
    return _BOXED.search(str(value)) is not None


def is_short(value: str) -> bool:
    """Whether an answer is a few words and no sentence."""
    return len(value.split()) <= _LONGEST_MATCH and not _SENTENCE.search(value)
