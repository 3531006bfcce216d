"""Which ready reward reads a file's reference answers, found by trying each on them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from posttrain.advise.rules import THRESHOLDS
from posttrain.errors import InputError
from posttrain.rewards.code import read_tests
from posttrain.rewards.json_text import find_json
from posttrain.rewards.math import final_answer, first_quantity, math_score
from posttrain.rewards.registry import REWARD_KINDS, make_reward

Values = Mapping[str, Any]

_LABELS = ("label", "final_decision", "sentiment", "intent", "class", "category")
"""Columns whose values are names, also where they are written as numbers."""

_TARGETS = ("target", "answer", *_LABELS, "solution", "expected", "result", "gold", "output")
"""Columns in which others keep the right answer, beside the one that is read as the completion."""

_TESTS = {"test": "entry_point", "test_list": None, "input_output": None, "tests": None}
"""Column of a code task's tests → column of the function's name."""

_SETUPS = ("test_setup_code", "test_imports", "setup")
"""Columns of code that the tests of a task need."""

_FEWEST = 5
"""Answers below which it says nothing that all are the same."""

_CONSTANT = 0.99
"""Share of the answers that say the same, from which on they are one answer to everything."""

_LONGEST_NUMBER = 40
_LONGEST_LABEL = 30
_LONGEST_MATCH = 6
"""Words of an answer that may be compared as a whole; of longer ones there are too many right wordings."""

_MOST_LABELS = 20
_TRIED = 200


@dataclass(frozen=True, slots=True)
class Check:
    """A reward that reads the answers.

    Args:
        spec: as a recipe says it.
        share: of the rows tried whose answer it reads.
        what: what the answers are, for people.
        earned: share of the answers to imitate that get it, where they stand in another column.
        meant: share of the answers whose form says that they are to be compared, also where it cannot read them.
    """

    spec: Mapping[str, Any]
    share: float
    what: str
    earned: float = 1.0
    meant: float = 0.0

    @property
    def expected(self) -> bool:
        """Whether the answers were written to be compared, so that the rest is to be corrected."""
        return max(self.share, self.meant) >= THRESHOLDS.mostly

    @property
    def reads(self) -> bool:
        """Whether it reads enough of them to be learnt from."""
        return self.share >= THRESHOLDS.parses

    @property
    def fits(self) -> bool:
        """Whether it does, and imitating the answers does not lead away from it."""
        return self.reads and self.earned >= 0.5


def check_of(rows: Sequence[Values], completion: str | None, wanted: str | None = None) -> Check | None:
    """The reward that reads most of the rows' answers, None if none reads half.

    Args:
        completion: the column read as the completion, if any.
        wanted: only this kind of reward.
    """
    if not rows:
        return None
    found: list[Check] = []
    if wanted in (None, "code"):
        found += _code(rows)
    for column in _columns(rows[0], completion):
        answers = [row.get(column) for row in rows]
        if constant_of(answers) is not None:  # whoever always says it gets the reward, so nothing is learnt
            continue
        for kind, looks in (("math", _math), ("json_fields", _json), ("match", _match)):
            if wanted in (None, kind) or (wanted == "json" and kind == "json_fields"):
                check = looks(column, answers)
                if check is not None:
                    found.append(Check({"kind": "json"}, check.share, check.what) if wanted == "json" else check)
    best = max((check for check in found if check.share >= 0.5), key=lambda check: check.share, default=None)
    elsewhere = best is not None and best.spec.get("target") not in (None, completion)
    if best is None or completion is None or completion not in rows[0] or not elsewhere:
        return best
    return replace(
        best, earned=_earned(best.spec, [row for row in rows if isinstance(row.get(completion), str)], completion)
    )


def labels_of(values: Iterable[object]) -> tuple[str, ...] | None:
    """The few labels that answers are, None if they are no labels."""
    seen: dict[str, int] = {}
    for value in values:
        label = str(value).strip()
        if not label or len(label) > _LONGEST_LABEL or len(seen) > _MOST_LABELS:
            return None
        seen[label] = seen.get(label, 0) + 1
    few = 1 < len(seen) <= _MOST_LABELS and 3 * len(seen) <= sum(seen.values())
    return tuple(seen) if few else None


def constant_of(answers: Sequence[Any]) -> str | None:
    """The answer that all rows have, or nearly all; None if they differ or are few."""
    if len(answers) < _FEWEST:
        return None
    answer, count = Counter(str(value).strip() for value in answers).most_common(1)[0]
    return answer if count >= _CONSTANT * len(answers) else None


def _earned(spec: Mapping[str, Any], rows: Sequence[Values], completion: str) -> float:
    """Mean reward of the answers that would be imitated."""
    score = make_reward(REWARD_KINDS[spec["kind"]].options.model_validate(spec), Path())
    scores = score([row[completion] for row in rows[:_TRIED]], rows[:_TRIED])
    return fmean(value if isinstance(value, float) else 0.0 for value in scores) if rows else 0.0


def _columns(row: Values, completion: str | None) -> list[str]:
    others = [name for name in row if name.lower() in _TARGETS and name != completion]
    order = sorted(others, key=lambda name: _TARGETS.index(name.lower()))
    return [completion, *order] if completion is not None and completion in row else order


def _share(answers: Sequence[Any], reads: Callable[[Any], bool]) -> float:
    return sum(value is not None and reads(value) for value in answers) / len(answers)


def _code(rows: Sequence[Values]) -> list[Check]:
    tests = next((name for name in _TESTS if name in rows[0]), None)
    if tests is None:
        return []
    entry = _TESTS[tests] if _TESTS[tests] in rows[0] else None
    setup = next((name for name in _SETUPS if isinstance(rows[0].get(name), str)), None)
    spec = {"kind": "code", "tests": tests, "entry_point": entry} | ({"setup": setup} if setup else {})
    if entry and str(rows[0].get("prompt", "")).rstrip().endswith(('"""', "'''", ":")):
        spec["prompt"] = "prompt"  # HumanEval's: the completion goes on with the function
    return [Check(spec, _share([row.get(tests) for row in rows], _are_tests), "code with tests")]


def _are_tests(value: Any) -> bool:
    try:
        return bool(read_tests(value))
    except (InputError, ValueError):
        return False


def _math(column: str, answers: Sequence[Any]) -> Check | None:
    if column.lower() in _LABELS:
        return None
    tried = answers[:: max(1, len(answers) // _TRIED)]  # a formula takes a while to read
    kinds = Counter(_number_or_formula(value) for value in tried)
    share = 1 - kinds[None] / len(tried)
    what = "a number or a formula to compare" if kinds["formula"] else "a number to compare"
    boxed = _share(tried, lambda value: _BOXED.search(str(value)) is not None)
    return Check({"kind": "math", "target": column}, share, what, meant=boxed)


def _number_or_formula(value: Any) -> Literal["number", "formula"] | None:
    """What the reward `math` compares an answer as; None where it finds no answer that it is sure of."""
    text = str(value).strip()
    if value is None or isinstance(value, bool) or not (_MARKED.search(text) or _ALONE.fullmatch(text)):
        return None
    answer = final_answer(text, numeric=False)
    try:
        if first_quantity(answer) is not None and len(answer) <= _LONGEST_NUMBER:
            return "number" if math_score(text, value) == 1.0 else None
        if answer and _BOXED.search(text):
            math_score("\\boxed{0}", value)  # raises where the formula cannot be read
            return "formula"
    except InputError:
        pass
    return None


def _json(column: str, answers: Sequence[Any]) -> Check | None:
    def reads(value: Any) -> bool:
        if isinstance(value, str):
            found = find_json(value)
            value = found[0] if found is not None else None
        return isinstance(value, dict | list)

    return Check({"kind": "json_fields", "target": column}, _share(answers, reads), "JSON to compare field by field")


def _match(column: str, answers: Sequence[Any]) -> Check | None:
    texts = [str(v) for v in answers if isinstance(v, str | int) and not isinstance(v, bool) and str(v).strip()]
    if len(texts) < THRESHOLDS.parses * len(answers):
        return None
    labels = labels_of(texts)
    if labels:
        spec = {"kind": "match", "target": column, "how": "label", "labels": list(labels)}
        return Check(spec, 1.0, f"one of {len(labels)} labels")
    share = _share(texts, _short)
    return Check({"kind": "match", "target": column, "how": "normalised"}, share, "a few words to compare as they are")


def _short(value: str) -> bool:
    return len(value.split()) <= _LONGEST_MATCH and not _SENTENCE.search(value)


_SENTENCE = re.compile(r"[.!?]\s*$|\n")
_BOXED = re.compile(r"\\f?box(?:ed)?\{")
_MARKED = re.compile(r"####|\\boxed|\banswer\b", re.IGNORECASE)
_ALONE = re.compile(r"[-+−$€£¥\s]*\d[\d.,/\s]*%?(?: [^\W\d]+){0,2}\.?")
"""A number with its unit, and nothing before it: of "we saw 3" nobody knows whether 3 is the answer."""
