"""`evaluate`: a model's answers to the questions of a file, measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from posttrain.api.display import Displayed, Sheet
from posttrain.api.models import Model, load
from posttrain.api.recipes import checked_options
from posttrain.api.sources import Paths, paths_of
from posttrain.evaluate.behaviour import measured_by_slice, measured_samples
from posttrain.evaluate.options import MetricName, SuiteOptions
from posttrain.evaluate.suites import Sample, run_suite
from posttrain.statistics.estimate import Estimate

SHOWN = 5
"""Answers that the table shows; `Evaluation.samples` has all."""


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Displayed):
    """How well a model answers.

    Args:
        metric: the measure of one answer.
        value: its mean over all answers, 0 to 1; None where there are no questions.
        n: how many answers.
        interval: the 95% interval of `value`; None for fewer than two answers that are not all 0 or 1.
        slices: the same for each ``metadata.slice`` of the rows, where they name several.
        samples: every question with the model's answer and its measure.
    """

    metric: MetricName
    value: float | None
    n: int
    interval: tuple[float, float] | None
    slices: Mapping[str, Estimate]
    samples: tuple[Sample, ...]

    def sheet(self) -> Sheet:
        """The value, and the first answers as a table."""
        ends = "" if self.interval is None else f" (95% interval {self.interval[0]:.1%} to {self.interval[1]:.1%})"
        value = "no answers" if self.value is None else f"{self.value:.1%}{ends}"
        slices = [f"{name}: {m.value:.1%} of {m.n:,}" for name, m in self.slices.items() if m.value is not None]
        rows = [(s.question, s.answer, "" if s.target is None else str(s.target), f"{s.value:g}") for s in self.samples]
        title = f"{self.metric}: {value}, {self.n:,} answers"
        return Sheet(title, ("question", "answer", "target", self.metric), rows[:SHOWN], slices)


def evaluate(
    model: Model | str | Path,
    *,
    data: Paths,
    metric: MetricName,
    max_new_tokens: int = 128,
    rows: int | None = None,
) -> Evaluation:
    """Put questions to a model and measure its most probable answers.

    Args:
        model: a loaded model, a folder or a hub id.
        data: rows of ``input`` and ``target``, or of ``prompt`` and ``completion``.
        metric: exact, json_equal, json_valid, contains or refused.
        max_new_tokens: an answer that has not ended by then is cut.
        rows: use only the first rows.

    Raises:
        InputError: a file is not there, a row lacks what the metric needs, or an option is wrong.
    """
    values = {"data": paths_of(data), "metric": metric, "max_new_tokens": max_new_tokens, "rows": rows}
    options = checked_options(SuiteOptions, values)
    loaded = model if isinstance(model, Model) else load(model)
    samples = tuple(run_suite(loaded.policy, loaded.renderer, options, Path()))
    whole, slices = measured_samples(samples), measured_by_slice(samples)
    return Evaluation(metric, whole.value, whole.n, whole.interval, slices if len(slices) > 1 else {}, samples)
