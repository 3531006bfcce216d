"""What a stage is given to work with, and what it hands back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from posttrain.console import Screen
from posttrain.evaluate.options import SuiteOptions
from posttrain.files import hash_of
from posttrain.statistics.estimate import Unit


class Ranks(NamedTuple):
    """The number of processes of a run, and of those on this machine."""

    total: int
    here: int


ALONE = Ranks(1, 1)


@dataclass(frozen=True, slots=True)
class Context:
    """A stage's surroundings.

    Args:
        name: the stage's name in the recipe.
        folder: its own folder in the run.
        base: the recipe's folder, where relative data paths start.
        model: folder or hub id of the model it starts from.
        models: folder or hub id of each other model it names.
        seed: of the run.
        suites: behaviours to measure before and after, by name.
        screen: where notes and progress go.
        stop: whether the user has requested a stop.
        wait: whether to wait for what people still have to do, instead of stopping there.
        on_metrics: called after each step, when its metrics are in ``metrics.jsonl``.
        ranks: the processes that train together.
    """

    name: str
    folder: Path
    base: Path
    model: str
    seed: int
    models: Mapping[str, str] = field(default_factory=dict)
    suites: Mapping[str, SuiteOptions] = field(default_factory=dict)
    screen: Screen = field(default_factory=lambda: Screen(quiet=True))
    stop: Callable[[], bool] = lambda: False
    wait: bool = False
    on_metrics: Callable[[], None] = lambda: None
    ranks: Ranks = ALONE

    @property
    def draws(self) -> int:
        """Seed of what the stage draws at its start (adapters): it follows from the run's seed and the stage's name."""
        return int(hash_of([self.seed, self.name])[:15], 16)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of ``summary.json``: a metric before and after a stage, with the latter's 95% interval.

    Missing evidence is None, never 0.

    Args:
        n: how many the figure is taken over.
        unit: of the figure.
        of: what `n` counts, such as tokens or pairs.
    """

    before: float | None
    after: float | None
    n: int
    interval: tuple[float, float] | None = None
    unit: Unit = "value"
    of: str = ""
