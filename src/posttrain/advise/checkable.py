"""Which ready reward reads a file's reference answers: each reward is tried on a sample of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from posttrain.advise.answer_values import constant_of, is_boxed, is_short, labels_of, number_or_formula
from posttrain.advise.rules import THRESHOLDS
from posttrain.errors import InputError
from posttrain.rewards.code import read_tests
from posttrain.rewards.json_text import find_json
from posttrain.rewards.registry import REWARD_KINDS, make_reward

Values = Mapping[str, Any]

_LABELS = ("label", "final_decision", "sentiment", "intent", "class", "category")
"""Columns whose values are names, even if they are written as numbers."""

_TARGETS = ("target", "answer", "solution", "expected", "result", "gold", "output", *_LABELS)
"""Columns that often hold the right answer, beside the column that is read as the completion. Labels come last, since
they often describe the prompt."""

_TESTS = {"test": "entry_point", "test_list": None, "input_output": None, "tests": None}
"""Column of a code task's tests → column of the function's name."""

_SETUPS = ("test_setup_code", "test_imports", "setup")
"""Columns of code that a task's tests need."""

_TRIED = 200
"""Rows on which a reward is tried where it takes long."""


@dataclass(frozen=True, slots=True)
class Check:
    """A reward that reads the reference answers.

    Args:
        spec: the reward as a recipe states it.
        share: share of the tried answers that the reward reads.
        what: what the answers are, in words.
        earned: mean reward of the answers to imitate, where these are in another column than the reference.
        meant: share of the answers whose form shows that they are meant to be compared, even if they cannot be read.
    """

    spec: Mapping[str, Any]
    share: float
    what: str
    earned: float = 1.0
    meant: float = 0.0

    @property
    def expected(self) -> bool:
        """Whether the answers were written to be compared, so that the unreadable rest needs correction."""
        return max(self.share, self.meant) >= THRESHOLDS.mostly

    @property
    def reads(self) -> bool:
        """Whether the reward reads enough answers to train on it."""
        return self.share >= THRESHOLDS.parses

    @property
    def fits(self) -> bool:
        """Whether the reward reads enough answers, and imitating the answers earns it."""
        return self.reads and self.earned >= 0.5


def check_of(rows: Sequence[Values], completion: str | None, reward: str | None = None) -> Check | None:
    """The reward that reads the rows' answers; None if no reward reads half of them.

    It is the first reward that fits: of the tests of code, of the completion, of the other columns. If none fits, it is
    the one that reads the largest share, among those that the answers to imitate earn if there are any.

    Args:
        completion: the column that is read as the completion, if there is one.
        reward: the only kind of reward to try; None for all kinds.
    """
    if not rows:
        return None
    tried: list[Check] = []
    for checks in _checks_by_column(rows, completion, reward):
        best = max((check for check in checks if check.share >= 0.5), key=lambda check: check.share, default=None)
        if best is not None:
            tried.append(_with_earned(best, rows, completion))
            if tried[-1].fits:
                return tried[-1]
    return max(tried, key=lambda check: (check.earned >= 0.5, check.share), default=None)


def is_label_column(name: str) -> bool:
    """Whether a column has a name of labels. These may be right answers, or describe the prompts."""
    return name.lower() in _LABELS


def _checks_by_column(rows: Sequence[Values], completion: str | None, reward: str | None) -> Iterator[list[Check]]:
    """The rewards to try on each column that may hold answers."""
    if reward in (None, "code"):
        yield _code_checks(rows)
    for column in _answer_columns(rows[0], completion):
        answers = [row.get(column) for row in rows]
        if constant_of(answers) is not None:  # a constant answer would earn every reward and teach nothing
            continue
        checks: list[Check] = []
        for kind, try_reward in (("math", _math_check), ("json_fields", _json_check), ("match", _match_check)):
            if reward in (None, kind) or (reward == "json" and kind == "json_fields"):
                check = try_reward(column, answers)
                if check is not None:
                    checks.append(Check({"kind": "json"}, check.share, check.what) if reward == "json" else check)
        yield checks


def _with_earned(check: Check, rows: Sequence[Values], completion: str | None) -> Check:
    """The check with the mean reward of the answers to imitate, if it reads another column than theirs."""
    elsewhere = check.spec.get("target") not in (None, completion)
    if completion is None or completion not in rows[0] or not elsewhere:
        return check
    imitated = [row for row in rows if isinstance(row.get(completion), str)]
    return replace(check, earned=_mean_reward(check.spec, imitated, completion))


def _mean_reward(spec: Mapping[str, Any], rows: Sequence[Values], completion: str) -> float:
    """The mean reward of the answers to imitate."""
    score = make_reward(REWARD_KINDS[spec["kind"]].options.model_validate(spec), Path())
    scores = score([row[completion] for row in rows[:_TRIED]], rows[:_TRIED])
    return fmean(value if isinstance(value, float) else 0.0 for value in scores) if rows else 0.0


def _answer_columns(row: Values, completion: str | None) -> list[str]:
    """The columns that may hold reference answers, the completion first."""
    targets = [name for name in row if name.lower() in _TARGETS and name != completion]
    order = sorted(targets, key=lambda name: _TARGETS.index(name.lower()))
    return [completion, *order] if completion is not None and completion in row else order


def _share(answers: Sequence[Any], reads: Callable[[Any], bool]) -> float:
    return sum(value is not None and reads(value) for value in answers) / len(answers)


def _code_checks(rows: Sequence[Values]) -> list[Check]:
    tests = next((name for name in _TESTS if name in rows[0]), None)
    if tests is None:
        return []
    entry = _TESTS[tests] if _TESTS[tests] in rows[0] else None
    setup = next((name for name in _SETUPS if isinstance(rows[0].get(name), str)), None)
    spec = {"kind": "code", "tests": tests, "entry_point": entry} | ({"setup": setup} if setup else {})
    if entry and str(rows[0].get("prompt", "")).rstrip().endswith(('"""', "'''", ":")):
        spec["prompt"] = "prompt"  # HumanEval's form: the completion continues the function in the prompt
    return [Check(spec, _share([row.get(tests) for row in rows], _are_tests), "code with tests")]


def _are_tests(value: Any) -> bool:
    try:
        return bool(read_tests(value))
    except (InputError, ValueError):
        return False


def _math_check(column: str, answers: Sequence[Any]) -> Check | None:
    if is_label_column(column):
        return None
    tried = answers[:: max(1, len(answers) // _TRIED)]  # reading formulas is slow
    kinds = Counter(number_or_formula(value) for value in tried)
    share = 1 - kinds[None] / len(tried)
    what = "a number or a formula to compare" if kinds["formula"] else "a number to compare"
    return Check({"kind": "math", "target": column}, share, what, meant=_share(tried, is_boxed))


def _json_check(column: str, answers: Sequence[Any]) -> Check | None:
    def is_json(value: Any) -> bool:
        if isinstance(value, str):
            match = find_json(value)
            value = match[0] if match is not None else None
        return isinstance(value, dict | list)

    return Check({"kind": "json_fields", "target": column}, _share(answers, is_json), "JSON to compare field by field")


def _match_check(column: str, answers: Sequence[Any]) -> Check | None:
    texts = [str(v) for v in answers if isinstance(v, str | int) and not isinstance(v, bool) and str(v).strip()]
    if len(texts) < THRESHOLDS.parses * len(answers):
        return None
    labels = labels_of(texts)
    if labels:
        spec = {"kind": "match", "target": column, "how": "label", "labels": list(labels)}
        return Check(spec, 1.0, f"one of {len(labels)} labels")
    share = _share(texts, is_short)
    return Check({"kind": "match", "target": column, "how": "normalised"}, share, "a few words to compare as a whole")
