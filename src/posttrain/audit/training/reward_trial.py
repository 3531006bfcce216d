"""Trials of rewards before training: each reward scores the rows' reference answers, which should score well."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.audit.training.reference_answer import reference_of
from posttrain.audit.training.trial import Trial, Tried
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.options import DataSource
from posttrain.data.sets.prompts import prompt_column
from posttrain.errors import InputError
from posttrain.rewards.registry import REWARD_KINDS, RewardSpec
from posttrain.rewards.score import open_rewards, reward_verdicts
from posttrain.rewards.types import Failed, NotApplicable, RewardFn

FAILS = Rule(
    "reward-fails-on-reference",
    "block",
    "reference answers make a reward fail",
    "correct the answers or the reward: the reward would fail on every completion of these prompts",
)
MISSES = Rule(
    "reward-misses-reference",
    "warn",
    "reference answers do not get a reward's full score",
    "correct the answers or the reward: otherwise a right answer costs the policy reward",
)
NEVER = Rule(
    "reward-never-applies",
    "warn",
    "rows were tried with a reward that applies to none of them",
    "correct the column that the reward reads, or remove the reward: the policy would learn nothing from it",
)

AUDITED = 2000
"""The number of first rows that an audit tries."""

PLANNED, SECONDS = 32, 5.0
"""The most rows that a plan tries, and the seconds after which it stops trying a reward."""

PromptRow = tuple[str, Mapping[str, Any]]
"""A row's place, and the columns that rewards read."""

_TOGETHER = 8
"""The number of rows that are scored at once."""


def try_rewards(
    rewards: Mapping[str, RewardSpec],
    prompts: Iterable[PromptRow],
    base: Path,
    rows: int = AUDITED,
    seconds: float | None = None,
) -> list[Trial]:
    """Score each row's reference answer with each reward that reads text.

    Args:
        rewards: name → the reward as a recipe states it.
        prompts: the rows; see `prompt_rows`.
        base: folder that relative paths start from.
        rows: the number of first rows to try.
        seconds: the time after which a reward is tried on no further rows; None for no limit.

    Raises:
        InputError: a reward's file or function is missing.
    """
    tried = list(islice(prompts, rows))
    trials: list[Trial] = []
    for name, spec in rewards.items():
        kind = REWARD_KINDS[spec.kind]
        if kind.needs_model:
            trials.append(Trial(name, kind.name, problem="it needs a server or a model"))
            continue
        try:
            score = open_rewards({name: spec}, base)[name].function
        except InputError as error:
            if kind.answer_form != "program" or seconds is None:
                raise
            trials.append(Trial(name, kind.name, problem=str(error)))  # the run may be on another machine
            continue
        triples = [(where, reference_of(spec, row), row) for where, row in tried]
        trials.append(Trial(name, kind.name, tuple(_verdicts(score, triples, seconds))))
    return trials


def prompt_rows(
    data: Sequence[DataSource], base: Path, keep: Sequence[str] | None = None, drop: Sequence[str] = ()
) -> Iterator[PromptRow]:
    """The rows of some sources as rewards read them.

    Args:
        keep: the columns that a row has beside its prompt; all of its own if unset.
        drop: columns that rewards do not see.
    """
    for source in data:
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, "prompt", source.columns):
            own = {k: v for k, v in example.row.items() if k not in drop and (keep is None or k in keep)}
            yield example.where, {"prompt": prompt_column(example.prompt), **own}


def reward_findings(trials: Sequence[Trial]) -> list[Finding]:
    """The findings of an audit on the trials."""
    fails = [
        Shown(row.where, f"{_label(trial, row)}: {_reason(row)}"[:300]) for trial in trials for row in trial.failed
    ]
    misses = [Shown(row.where, f"{_label(trial, row)} gets {row.verdict:g}") for trial in trials for row in trial.wrong]
    never = [
        Shown(row.where, f"{trial.reward}: {_reason(row)}")
        for trial in trials
        if trial.never_applies
        for row in trial.tried
    ]
    return [finding(rule, hits) for rule, hits in ((FAILS, fails), (MISSES, misses), (NEVER, never)) if hits]


def reward_lines(trials: Sequence[Trial]) -> list[str]:
    """One line about each trial for a plan, with a warning if a run would learn nothing from the reward."""
    lines: list[str] = []
    for trial in trials:
        line = f"reward `{trial.reward}`: {_summary(trial)}"
        if trial.never_applies:
            line = f"warning: {line}. The reward applies to none of these rows, so a run would learn nothing from it"
        elif trial.tried and len(trial.failed) == len(trial.tried):
            line = f"warning: {line}. The reward fails on all of these rows, so a run would stop"
        elif trial.wrong and len(trial.wrong) == len(trial.scores):
            line = f"warning: {line}. The reward would never reward a right answer"
        lines.append(line)
    return lines


def _verdicts(
    score: RewardFn, triples: Sequence[tuple[str, str | None, Mapping[str, Any]]], seconds: float | None
) -> Iterator[Tried]:
    """The verdict on each (place, reference answer, row), until the time limit."""
    end = None if seconds is None else time.monotonic() + seconds
    for start in range(0, len(triples), _TOGETHER):
        if start and end is not None and time.monotonic() > end:
            return
        batch = triples[start : start + _TOGETHER]
        with redirect_stdout(sys.stderr):  # the user's function may print, which would break JSON on standard output
            verdicts = reward_verdicts(
                score, [reference or "" for _, reference, _ in batch], [row for *_, row in batch]
            )
        for (where, reference, _), verdict in zip(batch, verdicts, strict=True):
            yield Tried(where, reference, verdict)


def _summary(trial: Trial) -> str:
    if trial.problem is not None:
        return f"not tried: {trial.problem}"
    counts = trial.counts
    parts = [f"{counts[key]} {key}" for key in ("right", "wrong") if counts[key]]
    if trial.scores and not trial.compares:
        low, high = min(trial.scores) + 0.0, max(trial.scores) + 0.0  # adding 0 turns -0 into 0
        parts = [f"{len(trial.scores)} score {low:g}" + ("" if low == high else f" to {high:g}")]
    parts += [f"{times} not applicable ({reason})" for reason, times in trial.not_applicable.items()]
    if trial.failed:
        parts.append(f"{len(trial.failed)} failed ({trial.failed[0].where}: {_reason(trial.failed[0])})")
    if trial.unknown:
        parts.append(f"{len(trial.unknown)} without a reference answer")
    return f"reference answers of {len(trial.tried)} rows: {', '.join(parts)}"


def _label(trial: Trial, row: Tried) -> str:
    return f"{trial.reward}: {(row.reference or '')[:80]!r}"


def _reason(row: Tried) -> str:
    return row.verdict.reason if isinstance(row.verdict, NotApplicable | Failed) else ""
