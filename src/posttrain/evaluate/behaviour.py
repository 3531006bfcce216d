"""A model's behaviour on the recipe's suites: measured once, kept with every answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from posttrain.console import Screen
from posttrain.data.chat.renderer import Renderer
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.suites import Sample, run_suite
from posttrain.files import read_json, whole_folder, write_json, write_whole
from posttrain.policy.load import Policy
from posttrain.statistics.intervals import interval


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's mean over n answers with its 95% interval."""

    value: float | None
    n: int
    interval: tuple[float, float] | None


def measure(
    policy: Policy, renderer: Renderer, suites: Mapping[str, SuiteOptions], *, base: Path, folder: Path, screen: Screen
) -> dict[str, Measured]:
    """Run the suites, or read what they gave before.

    Args:
        folder: takes ``results.json`` and ``samples_{suite}.jsonl``.

    Returns:
        what was measured by suite, and by ``suite/slice`` where its rows name slices.
    """
    if not (folder / "results.json").is_file():
        with whole_folder(folder) as target:
            found: dict[str, Measured] = {}
            for name, options in suites.items():
                with screen.bar(name, None) as advance:
                    samples = run_suite(policy, renderer, options, base, lambda n: advance(n, "answers"))
                write_whole(target / f"samples_{name}.jsonl", "".join(_line(sample) for sample in samples))
                found |= _named(name, samples, slices=options.slices)
            write_json(target / "results.json", {key: asdict(value) for key, value in found.items()})
    return {key: _read(value) for key, value in read_json(folder / "results.json").items()}


def measured_samples(samples: Sequence[Sample]) -> Measured:
    """The mean of some samples' values."""
    values = [sample.value for sample in samples]
    return Measured(fmean(values) if values else None, len(values), interval(values))


def measured_by_slice(samples: Sequence[Sample]) -> dict[str, Measured]:
    """The mean of each slice's samples."""
    slices = dict.fromkeys(sample.slice for sample in samples)
    return {str(part): measured_samples([s for s in samples if s.slice == part]) for part in slices}


def _named(name: str, samples: Sequence[Sample], *, slices: bool) -> dict[str, Measured]:
    """What was measured by the suite's name, and by slice where its rows name several and that is wanted."""
    parts = measured_by_slice(samples) if slices else {}
    if len(parts) < 2:
        return {name: measured_samples(samples)}
    return {f"{name}/{part}": value for part, value in parts.items()}


def _line(sample: Sample) -> str:
    return json.dumps(asdict(sample), ensure_ascii=False) + "\n"


def _read(value: Mapping[str, Any]) -> Measured:
    ends = value["interval"]
    return Measured(value["value"], value["n"], None if ends is None else (ends[0], ends[1]))
