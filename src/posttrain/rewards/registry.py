"""The registry of rewards: the kinds of this package, and those that installed packages offer as plugins."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from posttrain.data.reasoning import behind_trace
from posttrain.errors import InputError
from posttrain.plugins import load_plugins
from posttrain.rewards import (
    citation,
    code,
    grounded_numbers,
    json_f1,
    judge,
    match,
    math,
    model,
    python_file,
    registered,
    rouge,
    schema,
    style,
    text,
)
from posttrain.rewards.instructions import reward as instructions
from posttrain.rewards.refusal import reward as refusal
from posttrain.rewards.types import Failed, RewardFn, RewardKind, RewardOptions, Row, Verdict

GROUP = "posttrain.rewards"
"""The group of entry points; each names a module with a tuple `REWARDS`."""

MODULES = (
    math,
    match,
    text,
    style,
    schema,
    json_f1,
    citation,
    rouge,
    grounded_numbers,
    instructions,
    refusal,
    code,
    judge,
    model,
    python_file,
    registered,
)
"""The modules of this package that register rewards, in the order of the documentation."""


def _registrations() -> Iterator[tuple[RewardKind, str]]:
    """(kind, the module or package that registers it)."""
    for module in MODULES:
        yield from ((kind, module.__name__) for kind in module.REWARDS)
    for source, module in load_plugins(GROUP):
        yield from ((kind, source) for kind in _plugin_rewards(module, source))


def _plugin_rewards(module: ModuleType | Any, source: str) -> tuple[RewardKind, ...]:
    rewards = getattr(module, "REWARDS", None)
    if not isinstance(rewards, tuple) or not all(isinstance(kind, RewardKind) for kind in rewards):
        raise InputError(f"{source} offers no rewards: its module needs a tuple REWARDS of RewardKind")
    for kind in rewards:
        if kind.reads_tokens:
            raise InputError(f"{source}: {kind.options.__qualname__} has no `make`, so no function scores by it")
    return rewards


def _by_name() -> dict[str, RewardKind]:
    kinds: dict[str, RewardKind] = {}
    sources: dict[str, str] = {}
    for kind, source in _registrations():
        try:
            name = kind.name
        except InputError as error:
            raise InputError(f"{source}: {error}") from error
        if name in kinds:
            raise InputError(f"{source}: the reward kind `{name}` is already registered by {sources[name]}; rename it")
        kinds[name], sources[name] = kind, source
    return kinds


REWARD_KINDS: Mapping[str, RewardKind] = _by_name()
"""Name of the kind → its registration."""


def make_reward(options: RewardOptions, base: Path) -> RewardFn:
    """The function that scores, from a reward's options.

    Args:
        base: the recipe's folder.

    Raises:
        InputError: a file, function, schema, key or program that the reward needs is missing.
    """
    kind = REWARD_KINDS[options.kind]
    assert kind.make is not None, f"`{kind.name}` reads tokens"
    score = kind.make(options, base)
    return _of_answers(score) if kind.answer_alone else score


def _of_answers(score: RewardFn) -> RewardFn:
    """Score the texts behind the reasoning traces. A trace without end gets 0: an empty text may keep every rule."""

    def run(completions: Sequence[str], rows: Sequence[Row]) -> Sequence[Verdict | Failed]:
        answers = [behind_trace(text) for text in completions]
        verdicts = score([answer or "" for answer in answers], rows)
        return [
            0.0 if answer is None and isinstance(verdict, float) else verdict
            for answer, verdict in zip(answers, verdicts, strict=True)
        ]

    return run


if TYPE_CHECKING:
    RewardSpec = RewardOptions
else:
    RewardSpec = Annotated[reduce(or_, (kind.options for kind in REWARD_KINDS.values())), Field(discriminator="kind")]
"""The options of any kind of reward; `kind` decides which."""
