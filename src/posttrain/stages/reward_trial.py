"""Rewards tried on the reference answers before anything is trained on them: the right answer should score well."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from posttrain.audit.findings import Finding, Rule, Shown, finding
from posttrain.stages.context import Context

if TYPE_CHECKING:
    from posttrain.stages.on_policy import OnPolicyStage

FAILS = Rule(
    "reward-fails-on-reference",
    "block",
    "reference answers make a reward fail",
    "mend the answers or the reward: it would fail on every completion of these prompts",
)
MISSES = Rule(
    "reward-misses-reference",
    "warn",
    "reference answers do not get a reward's full score",
    "a policy that answered rightly would be punished; mend the answers or the reward",
)

TRIED = 2000
"""Rows that are tried, the first ones."""

_SLOW = frozenset({"judge", "model"})
"""Kinds that need a server or weights: not tried."""

_EXACT = frozenset({"math", "match", "json_fields"})
"""Kinds that compare with a column, so that the column itself must get 1."""

_REFERENCE = ("completion", "answer", "output", "response", "reference", "canonical_solution")


def try_rewards(stage: "OnPolicyStage", context: Context) -> list[Finding]:
    """Score each row's own answer by each reward of the stage that reads text.

    Raises:
        InputError: a reward's file or function is not there.
    """
    from posttrain.rewards.score import open_rewards, score

    specs = {name: spec for name, spec in stage.rewards.items() if spec.kind not in _SLOW}
    opened = open_rewards(specs, context.base)
    fails: list[Shown] = []
    misses: list[Shown] = []
    for where, row in islice(_rows(stage, context), TRIED):
        for name, spec in specs.items():
            reference = _reference(spec, row)
            if reference is None:
                continue
            done = score({name: opened[name]}, [reference], [row], [where], max_failures=1.0)
            value = done.components[name][0]
            said = f"{name}: {reference[:80]!r}"
            if done.failures:
                fails.append(Shown(where, f"{said}: {done.failures[0]}"[:300]))
            elif value is not None and value < 1 and spec.kind in _EXACT:
                misses.append(Shown(where, f"{said} gets {value:g}"))
    return [finding(rule, hits) for rule, hits in ((FAILS, fails), (MISSES, misses)) if hits]


def _rows(stage: "OnPolicyStage", context: Context) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from posttrain.data.formats import examples
    from posttrain.data.prompts import as_said
    from posttrain.data.read import read_rows

    for source in stage.data:
        rows = islice(read_rows(source.path, base=context.base), source.rows)
        for example in examples(rows, "prompt", source.columns):
            yield example.where, {"prompt": as_said(example.prompt), **example.row}


def _reference(spec: Any, row: Mapping[str, Any]) -> str | None:
    """The row's own answer: the column that the reward compares with, or one of a usual name."""
    names = (spec.target,) if isinstance(getattr(spec, "target", None), str) else _REFERENCE
    value = next((row[name] for name in names if row.get(name) is not None), None)
    return None if value is None or isinstance(value, dict | list) else str(value)
