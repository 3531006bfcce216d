"""`evaluate`: a model's answers to the questions of a file, measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.api.display import Displayed, Sheet
from posttrain.api.models import Model, load, opened_model
from posttrain.api.recipes import checked_options
from posttrain.api.sources import Paths, paths_of
from posttrain.errors import InputError
from posttrain.evaluate.answers import Answerer
from posttrain.evaluate.behaviour import run_suite
from posttrain.evaluate.estimates import estimate_of
from posttrain.evaluate.options import SuiteTask
from posttrain.evaluate.policy_answerer import policy_answerer
from posttrain.evaluate.sample import Sample
from posttrain.evaluate.suites.registry import SUITE_KINDS
from posttrain.policy.options import PolicyOptions
from posttrain.statistics.estimate import Estimate

SHOWN = 5
"""Answers that the table shows; `Evaluation.samples` has all."""


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation(Displayed):
    """How well a model answers.

    Args:
        measures: name → its estimate over all answers: value, n and 95% interval.
        slices: name of a slice → the same for its answers, where the rows name several slices.
        samples: every question with the model's answer and what was measured of it.
    """

    measures: Mapping[str, Estimate]
    slices: Mapping[str, Mapping[str, Estimate]]
    samples: tuple[Sample, ...]

    def sheet(self) -> Sheet:
        """The measures, and the first answers as a table."""
        lines = [f"{name}: {_shown(estimate)}" for name, estimate in self.measures.items()]
        lines += [
            f"{name}[{part}]: {_shown(estimate)}"
            for part, estimates in self.slices.items()
            for name, estimate in estimates.items()
        ]
        values = list(dict.fromkeys(name for sample in self.samples for name in sample.values))
        rows = [(s.question, s.answer, *_cells(s, values)) for s in self.samples[:SHOWN]]
        return Sheet(lines[0], ("question", "answer", "target", "label", *values), rows, lines[1:])


def evaluate(model: Model | str | Path, *, data: Paths, kind: str = "answers", **options: Any) -> Evaluation:
    """Put the questions of a suite to a model and measure its answers.

    Args:
        model: a loaded model, a folder or a hub id.
        data: rows of ``input`` and ``target``, or of ``prompt`` and ``completion``.
        kind: of the suite; see docs/recipe.md.
        options: the other keys of such a suite, such as ``metrics="match"`` and ``max_new_tokens=64``.

    Raises:
        InputError: a file is not there, a row lacks what the suite needs, or an option is wrong.
    """
    if kind not in SUITE_KINDS:
        raise InputError(f"kind: there is no kind of suite {kind!r} (kinds: {', '.join(SUITE_KINDS)})")
    suite = checked_options(SUITE_KINDS[kind].options, {"kind": kind, "data": paths_of(data), **options})
    loaded = model if isinstance(model, Model) else load(model)
    samples = run_suite(policy_answerer(loaded.policy, loaded.renderer), suite, Path())
    measures = SUITE_KINDS[kind].measures(suite)
    parts = list(dict.fromkeys(sample.slice for sample in samples))
    slices = {
        str(part): {m.name: estimate_of(m, [s for s in samples if s.slice == part]) for m in measures}
        for part in (parts if suite.slices and len(parts) > 1 else ())
    }
    return Evaluation({m.name: estimate_of(m, samples) for m in measures}, slices, tuple(samples))


def load_answerer(
    model: str, options: Mapping[str, Any], seed: int, *, template: str | None = None, task: SuiteTask = "causal"
) -> Answerer:
    """A model that answers suites, or scores their rows.

    Args:
        model: a folder or a hub id.
        options: device and precision.
        seed: of sampled answers.
        template: chat template; the model's own if None.
        task: what the suites measure.
    """
    loaded = opened_model(model, checked_options(PolicyOptions, options), template=template, task=task)
    return policy_answerer(loaded.policy, loaded.renderer, seed=seed)


def _shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"no value, {estimate.n:,} answers"
    style = ".1%" if estimate.unit == "share" else ".4g"
    ends = estimate.interval
    interval = "" if ends is None else f" (95% interval {ends[0]:{style}} to {ends[1]:{style}})"
    return f"{estimate.value:{style}}{interval}, {estimate.n:,} answers"


def _cells(sample: Sample, values: list[str]) -> tuple[str, ...]:
    numbers = (sample.values.get(name) for name in values)
    target = "" if sample.target is None else str(sample.target)
    return target, sample.label or "", *("" if number is None else f"{number:g}" for number in numbers)
