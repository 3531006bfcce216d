"""The registration of a kind of suite."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from posttrain.evaluate.answers import Answerer, OnDone
from posttrain.evaluate.measures import SuiteMeasure
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.questions import Question
from posttrain.evaluate.sample import Sample

Read = Callable[[Any, Path], list[Question]]
"""(options, the recipe's folder) → the suite's questions, each checked."""
Run = Callable[[Any, Sequence[Question], Answerer, Path, OnDone], list[Sample]]
"""(options, questions, answerer, the recipe's folder, on_done) → samples."""
Measures = Callable[[Any], Sequence[SuiteMeasure]]
"""Options → what the suite reports."""


@dataclass(frozen=True, slots=True)
class SuiteKind:
    """The registration of a kind of suite: a module lists its kinds in a tuple `SUITES`.

    Args:
        options: the keys that a recipe may set. Its field ``kind`` is a Literal of one name.
        read: reads and checks the questions.
        run: answers and measures them.
        measures: what the suite reports. A measure is a pure function of samples.
    """

    options: type[SuiteOptions]
    read: Read
    run: Run
    measures: Measures

    @property
    def name(self) -> str:
        """The value of `kind` in a recipe."""
        return str(get_args(self.options.model_fields["kind"].annotation)[0])
