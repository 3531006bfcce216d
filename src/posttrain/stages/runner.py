"""The interface of a kind of stage to the pipeline: run it, preview it, and estimate its memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from posttrain.data.chat.encode import Renderer
from posttrain.data.summary import DataSummary
from posttrain.recipe.stages.base import StageOptions
from posttrain.stages.context import Context, Figure


@dataclass(frozen=True, slots=True)
class Preview:
    """The plan of a stage's run, known before a weight is loaded.

    Args:
        summary: the counts of rows that were read, kept, changed and skipped.
        steps: optimiser steps.
        memory: bytes at the peak, by purpose.
        renderers: the renderer of each start model.
        by_epochs: the optimiser steps that the epochs give, without the limit ``max_steps``.
    """

    summary: DataSummary
    steps: int
    memory: Mapping[str, int]
    renderers: Sequence[Renderer]
    by_epochs: int = 0


@dataclass(frozen=True, slots=True)
class Runner:
    """The functions of a kind of stage. Each takes the stage's options and its context.

    Args:
        run: runs the stage; returns its part of ``summary.json``.
        preview: reads and counts the data, for a plan.
        needs: returns bytes of memory at the peak, by purpose, before the data is read; empty if it loads no model.
        parallel: whether all ranks of a run call `run` together; otherwise, the main process calls it alone.
    """

    run: Callable[[Any, Context], dict[str, Figure]]
    preview: Callable[[Any, Context], Preview]
    needs: Callable[[Any, Context], Mapping[str, int]] = lambda stage, context: {}
    parallel: bool = False


def runner_of(stage: StageOptions) -> Runner:
    """The runner of a stage: ``RUNNER`` in the module that the stage's options name. It may import torch."""
    return import_module(stage.runner).RUNNER
