"""A model's results on the suites of the recipe. A stage measures them once and keeps every answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

from posttrain.console import Screen
from posttrain.data.chat.renderer import Renderer
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites import Sample, run_suite
from posttrain.files import read_json, whole_folder, write_json, write_whole
from posttrain.policy.load import Policy
from posttrain.statistics.estimate import Estimate
from posttrain.statistics.intervals import interval


def measure(
    policy: Policy, renderer: Renderer, suites: Mapping[str, SuiteOptions], *, base: Path, folder: Path, screen: Screen
) -> dict[str, Estimate]:
    """Run the suites, or read the results of an earlier run.

    Args:
        folder: the folder that receives ``results.json`` and ``samples_{suite}.jsonl``.

    Returns:
        the estimate of each suite, or of each ``suite/slice`` if the rows name several slices.
    """
    if not (folder / "results.json").is_file():
        with whole_folder(folder) as target:
            estimates: dict[str, Estimate] = {}
            for name, options in suites.items():
                with screen.bar(name, None) as advance:
                    samples = run_suite(policy, renderer, options, base, lambda n: advance(n, "answers"))
                write_whole(target / f"samples_{name}.jsonl", "".join(_line(sample) for sample in samples))
                estimates |= _estimates(name, samples, slices=options.slices)
            write_json(target / "results.json", {key: _result(estimate) for key, estimate in estimates.items()})
    return {key: _read(value) for key, value in read_json(folder / "results.json").items()}


def measured_samples(samples: Sequence[Sample]) -> Estimate:
    """The mean value of samples, with its 95% interval."""
    values = [sample.value for sample in samples]
    return Estimate(fmean(values) if values else None, len(values), interval(values), "share", "answers")


def measured_by_slice(samples: Sequence[Sample]) -> dict[str, Estimate]:
    """The mean value of each slice, with its 95% interval."""
    slices = dict.fromkeys(sample.slice for sample in samples)
    return {str(part): measured_samples([s for s in samples if s.slice == part]) for part in slices}


def _estimates(name: str, samples: Sequence[Sample], *, slices: bool) -> dict[str, Estimate]:
    """The estimate of a suite, or one of each slice if `slices` is set and the rows name several."""
    parts = measured_by_slice(samples) if slices else {}
    if len(parts) < 2:
        return {name: measured_samples(samples)}
    return {f"{name}/{part}": value for part, value in parts.items()}


def _result(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "n": estimate.n, "interval": estimate.interval}


def _line(sample: Sample) -> str:
    return json.dumps(asdict(sample), ensure_ascii=False) + "\n"


def _read(value: Mapping[str, Any]) -> Estimate:
    ends = value["interval"]
    return Estimate(value["value"], value["n"], None if ends is None else (ends[0], ends[1]), "share", "answers")
