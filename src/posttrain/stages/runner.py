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
    """What a run of a stage would do, known before any weight is loaded.

    Args:
        summary: what was read, kept, changed and skipped.
        steps: optimiser steps.
        memory: bytes at the peak, by purpose.
        renderers: how each model it starts from reads conversations.
        by_epochs: optimiser steps that the epochs alone would take.
    """

    summary: DataSummary
    steps: int
    memory: Mapping[str, int]
    renderers: Sequence[Renderer]
    by_epochs: int = 0


@dataclass(frozen=True, slots=True)
class Runner:
    """How a kind of stage is run. Each function takes the stage's options and its context.

    Args:
        run: runs the stage; returns its part of ``summary.json``.
        preview: reads the data and counts, for plans.
        needs: bytes of memory at the peak, by purpose, known before the data is read; empty where no model is loaded.
    """

    run: Callable[[Any, Context], dict[str, Figure]]
    preview: Callable[[Any, Context], Preview]
    needs: Callable[[Any, Context], Mapping[str, int]] = lambda stage, context: {}


def runner_of(stage: StageOptions) -> Runner:
    """The runner of a stage: ``RUNNER`` in the module that the stage's options name. It may import torch."""
    return import_module(stage.runner).RUNNER
