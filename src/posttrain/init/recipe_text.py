"""The text of a first recipe: the starting recipe of its kind, with the files, the suite and a gate filled in."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.advise.start_model import StartModel
from posttrain.advise.suite import SuiteDraft
from posttrain.recipe.starter import flow_yaml, starter

TRAIN, TEST, PROMPTS = "train.jsonl", "test.jsonl", "prompts.jsonl"
"""The files that are written beside the recipe; only PPO has one of prompts."""

_ROOM_FOR_PROMPT = 2
"""A model's positions hold an answer and at least as many tokens of its prompt."""


def first_recipe(
    kind: str,
    *,
    reader: str,
    model: str,
    start: StartModel,
    suite: SuiteDraft,
    rewards: Mapping[str, Any] | None,
    max_new_tokens: int,
    head: Sequence[str],
) -> str:
    """The recipe as YAML with comments.

    Args:
        kind: the kind of starting recipe.
        reader: the kind of the stage that reads the training rows.
        model: the model as the recipe names it.
        start: the same model, described.
        rewards: the rewards of the stage, in place of the starting recipe's; None keeps those.
        max_new_tokens: the limit of new tokens of an answer to the suite.
        head: lines of comment on how the files came about.
    """
    lines = starter(kind, model=model).splitlines()
    stages = [match[1] for line in lines if (match := re.match(r"    kind: (\w+)", line))]
    _set_key(lines, reader, "data", TRAIN)
    if kind == "ift":  # its hold_out names a task of the starting recipe
        _set_key(lines, reader, "hold_out", None)
    if rewards is not None:
        _set_key(lines, reader, "rewards", flow_yaml(rewards))
    for stage in stages:
        if start.plain:
            _set_key(lines, stage, "template", "plain")
        _fit_to_positions(lines, stage, start.positions)
    _insert(lines, reader, f"# gates: [{suite.gate}]   # a claim that the run has to show, or it stops: docs/gates.md")
    limit = max_new_tokens if suite.generates else None
    keys = {"kind": suite.keys.get("kind"), "data": TEST, **suite.keys, "max_new_tokens": limit}
    _set_suite(lines, f"  {suite.name}: {flow_yaml({key: value for key, value in keys.items() if value is not None})}")
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    lines[first:first] = [f"# {' '.join(line.split())}" for line in head]
    return "\n".join(lines) + "\n"


def _fit_to_positions(lines: list[str], stage: str, positions: int | None) -> None:
    """Lower the lengths that the starting recipe states where the model has fewer positions."""
    for key, most in (("max_length", positions), ("max_new_tokens", positions and positions // _ROOM_FOR_PROMPT)):
        at = _line_of(lines, stage, key)
        if at is not None and most is not None and int(lines[at].split("#")[0].partition(":")[2]) > most:
            _set_key(lines, stage, key, str(most))


def _set_suite(lines: list[str], suite: str) -> None:
    """Put the suite in the place of the starting recipe's example, or before the stages."""
    title = (
        "suites:                           # behaviour on held-out rows, measured before training and after each stage"
    )
    example = next((index for index, line in enumerate(lines) if line.startswith("# suites:")), None)
    if example is None:
        stages = next(index for index, line in enumerate(lines) if line.startswith("stages:"))
        lines[stages:stages] = [title, suite, ""]
    else:
        lines[example : example + 2] = [title, suite]


def _set_key(lines: list[str], stage: str, key: str, value: str | None) -> None:
    """Set a key of a stage; one that is not there follows the stage's kind. None removes it and what is below it."""
    at = _line_of(lines, stage, key)
    if at is None:
        _insert(lines, stage, f"{key}: {value}")
        return
    below = at + 1
    while below < len(lines) and lines[below].startswith("     "):
        below += 1
    comment = re.search(r"\s+#.*$", lines[at]) if below == at + 1 else None
    new = f"    {key}: {value}"
    lines[at:below] = [] if value is None else [new if comment is None else f"{new:<33} {comment[0].strip()}"]


def _insert(lines: list[str], stage: str, text: str) -> None:
    lines.insert(_kind_line(lines, stage) + 1, f"    {text}")


def _line_of(lines: Sequence[str], stage: str, key: str) -> int | None:
    """The place of a stage's key."""
    for index in range(_kind_line(lines, stage), len(lines)):
        if not lines[index].startswith("    "):
            return None
        if lines[index].startswith(f"    {key}:"):
            return index
    return None


def _kind_line(lines: Sequence[str], stage: str) -> int:
    return next(index for index, line in enumerate(lines) if re.match(rf"    kind: {stage}\b", line))
