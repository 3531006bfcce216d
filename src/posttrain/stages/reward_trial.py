"""Rewards tried on the reference answers before anything is trained on them: the right answer should score well."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from itertools import islice
from typing import Any

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.sets.prompts import prompt_column
from posttrain.errors import InputError
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.rewards.score import open_rewards, reward_verdicts
from posttrain.rewards.types import Failed, NotApplicable
from posttrain.stages.context import Context
from posttrain.stages.reference_answer import reference_of
from posttrain.stages.trial import Trial, Tried

FAILS = Rule(
    "reward-fails-on-reference",
    "block",
    "reference answers make a reward fail",
    "correct the answers or the reward: it would fail on every completion of these prompts",
)
MISSES = Rule(
    "reward-misses-reference",
    "warn",
    "reference answers do not get a reward's full score",
    "a policy that answers right would be punished; correct the answers or the reward",
)
NEVER = Rule(
    "reward-never-applies",
    "warn",
    "rows are all that a reward was tried on, and it applies to none of them",
    "nothing can be learnt from this reward; correct the column that it reads, or leave the reward out",
)

AUDITED = 2000
"""Rows that an audit tries, the first ones."""

PLANNED, SECONDS = 32, 5.0
"""Rows that a plan tries at most, and how long it goes on to further rows of a reward."""

_TOGETHER = 8
"""Rows scored at once."""

_SLOW = frozenset({"judge", "model"})
"""Kinds that need a server or weights: not tried."""


def try_rewards(
    stage: OnPolicyStage, context: Context, rows: int = AUDITED, seconds: float | None = None
) -> list[Trial]:
    """Score each row's own answer by each reward of the stage that reads text.

    Args:
        rows: tried at most, the first ones.
        seconds: after which a reward is tried on no further rows; None: on all of them.

    Raises:
        InputError: a reward's file or function is not there.
    """
    found = list(islice(_rows(stage, context), rows))
    trials: list[Trial] = []
    for name, spec in stage.rewards.items():
        if spec.kind in _SLOW:
            trials.append(Trial(name, spec.kind, problem="it needs a server or a model"))
            continue
        try:
            batch = open_rewards({name: spec}, context.base)[name].function
        except InputError as error:
            if spec.kind != "code" or seconds is None:
                raise
            trials.append(Trial(name, spec.kind, problem=str(error)))  # the run may be on another machine
            continue
        pairs = [(where, reference_of(spec, row), row) for where, row in found]
        trials.append(Trial(name, spec.kind, tuple(_tried(batch, pairs, seconds))))
    return trials


def findings_of(trials: Sequence[Trial]) -> list[Finding]:
    """What an audit says about them."""
    fails = [
        Shown(one.where, f"{_shown(trial, one)}: {_reason(one)}"[:300]) for trial in trials for one in trial.failed
    ]
    misses = [Shown(one.where, f"{_shown(trial, one)} gets {one.verdict:g}") for trial in trials for one in trial.wrong]
    never = [
        Shown(one.where, f"{trial.reward}: {_reason(one)}")
        for trial in trials
        if trial.never_applies
        for one in trial.tried
    ]
    return [finding(rule, hits) for rule, hits in ((FAILS, fails), (MISSES, misses), (NEVER, never)) if hits]


def lines_of(trials: Sequence[Trial]) -> list[str]:
    """What a plan says about them, a line a reward; a warning where a run would learn nothing from it."""
    lines: list[str] = []
    for trial in trials:
        line = f"reward `{trial.reward}`: {_told(trial)}"
        if trial.never_applies:
            line = f"warning: {line}. It applies to none of these rows, and would teach nothing"
        elif trial.tried and len(trial.failed) == len(trial.tried):
            line = f"warning: {line}. It fails on all of these rows, and a run would stop"
        elif trial.wrong and len(trial.wrong) == len(trial.scores):
            line = f"warning: {line}. It would never reward a right answer"
        lines.append(line)
    return lines


def _tried(
    batch: Any, pairs: Sequence[tuple[str, str | None, Mapping[str, Any]]], seconds: float | None
) -> Iterator[Tried]:
    end = None if seconds is None else time.monotonic() + seconds
    for start in range(0, len(pairs), _TOGETHER):
        if start and end is not None and time.monotonic() > end:
            return
        some = pairs[start : start + _TOGETHER]
        with redirect_stdout(sys.stderr):  # what the user's function prints is no part of the answer in JSON
            found = reward_verdicts(batch, [reference or "" for _, reference, _ in some], [row for *_, row in some])
        for (where, reference, _), verdict in zip(some, found, strict=True):
            yield Tried(where, reference, verdict)


def _rows(stage: OnPolicyStage, context: Context) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for source in stage.data:
        rows = islice(read_rows(source.path, base=context.base), source.rows)
        for example in read_examples(rows, "prompt", source.columns):
            yield example.where, {"prompt": prompt_column(example.prompt), **example.row}


def _told(trial: Trial) -> str:
    if trial.problem is not None:
        return f"not tried: {trial.problem}"
    counts = trial.counts
    parts = [f"{counts[key]} {key}" for key in ("right", "wrong") if counts[key]]
    if trial.scores and not trial.compares:
        low, high = min(trial.scores) + 0.0, max(trial.scores) + 0.0  # no -0
        parts = [f"{len(trial.scores)} score {low:g}" + ("" if low == high else f" to {high:g}")]
    parts += [f"{times} not applicable ({reason})" for reason, times in trial.not_applicable.items()]
    if trial.failed:
        parts.append(f"{len(trial.failed)} failed ({trial.failed[0].where}: {_reason(trial.failed[0])})")
    if trial.unknown:
        parts.append(f"{len(trial.unknown)} without one")
    return f"reference answers of {len(trial.tried)} rows: {', '.join(parts)}"


def _shown(trial: Trial, one: Tried) -> str:
    return f"{trial.reward}: {(one.reference or '')[:80]!r}"


def _reason(one: Tried) -> str:
    return one.verdict.reason if isinstance(one.verdict, NotApplicable | Failed) else ""
