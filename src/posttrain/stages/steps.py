"""The number of steps of a stage: its epochs, limited by `max_steps`."""

from posttrain.train.options import TrainOptions


def steps_of(options: TrainOptions, by_epochs: int) -> int:
    """Optimiser steps of a stage.

    Args:
        by_epochs: the steps that the epochs give, without the limit.
    """
    return by_epochs if options.max_steps is None else min(by_epochs, options.max_steps)


def early_end(options: TrainOptions, by_epochs: int) -> list[str]:
    """A sentence if the epochs end a stage before `max_steps`; otherwise an empty list."""
    if options.max_steps is None or by_epochs >= options.max_steps:
        return []
    return [
        f"max_steps is {options.max_steps:,}, but epochs: {options.epochs:g} end the stage at step {by_epochs:,}; "
        "raise epochs to train longer"
    ]
