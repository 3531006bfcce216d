"""The cost of each stage: time, tokens, and memory and energy where they were recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.report.record import RunRecord, StageRecord
from posttrain.report.run_files import expected

_MEMORY = ("peak_memory_bytes", "memory_bytes")
_ENERGY = ("energy_joules", "energy_j")


@dataclass(frozen=True, slots=True)
class StageCost:
    """The cost of a stage; None where it was not recorded.

    Args:
        tokens: of all training steps.
        steps: optimiser steps.
    """

    stage: str
    kind: str
    seconds: float | None
    steps: int
    tokens: int
    memory_bytes: float | None
    joules: float | None


def costs_of(run: RunRecord) -> list[StageCost]:
    """The cost of each stage that has begun."""
    return [_cost(stage) for stage in run.stages if stage.state != "not begun"]


def total_seconds(costs: Sequence[StageCost]) -> float:
    """The time of all finished stages."""
    return sum(cost.seconds or 0.0 for cost in costs)


def _cost(stage: StageRecord) -> StageCost:
    rows = [row for row in stage.metrics if row.get("split") == "train"]
    seconds = stage.done.get("seconds")
    with expected(stage.folder / "metrics.jsonl"):
        tokens = sum(int(row.get("num_tokens") or 0) for row in rows)
    return StageCost(
        stage.name,
        stage.kind,
        None if seconds is None else float(seconds),
        len(rows),
        tokens,
        _largest(_MEMORY, stage.done, stage.metrics),
        _largest(_ENERGY, stage.done, ()),
    )


def _largest(names: Sequence[str], done: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> float | None:
    found = [source[name] for source in (done, *metrics) for name in names if source.get(name) is not None]
    return max((float(value) for value in found), default=None)
