"""Folders of runs, written file by file as a run writes them, and a real one that was made before suites had kinds."""

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.evaluate.estimates import results_of
from posttrain.evaluate.measures import SuiteMeasure, mean_of
from posttrain.evaluate.sample import Sample, write_samples

OLD_RUN = Path(__file__).parents[1] / "report" / "demo_run_before_suite_kinds.tar.xz"
"""The demo's run folder of an earlier version, without weights, checkpoints, token stores and rollouts."""

RIGHT = mean_of("match")
WRONG = mean_of("off", better="lower")
SUITE = {"kind": "answers", "data": [{"path": "facts.jsonl"}], "metrics": {"match": {"kind": "match"}}}


def unpack_old_run(folder: Path) -> Path:
    """The run of an earlier version."""
    with tarfile.open(OLD_RUN) as archive:
        archive.extractall(folder, filter="data")
    return folder


def put(path: Path, value: Any) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def samples_of(
    values: Sequence[float | None], *, answers: Sequence[str] | None = None, name: str = "match"
) -> list[Sample]:
    """One sample for each value."""
    texts = answers or [f"answer {value}" for value in values]
    return [
        Sample(str(n), 0, "even" if n % 2 == 0 else "odd", None, f"Question {n}?", f"target {n}", text, {name: value})
        for n, (value, text) in enumerate(zip(values, texts, strict=True))
    ]


def put_results(
    folder: Path, suites: Mapping[str, Sequence[Sample]], measures: Sequence[SuiteMeasure] = (RIGHT,)
) -> None:
    """``behaviour/`` as a stage leaves it."""
    results: dict[str, Any] = {}
    for suite, samples in suites.items():
        (folder / "behaviour").mkdir(parents=True, exist_ok=True)
        write_samples(folder / "behaviour" / f"samples_{suite}.jsonl", samples)
        for key, result in results_of(suite, measures, samples, slices=True).items():
            one = result.estimate
            results[key] = {**one.as_json(), "unit": one.unit, "counted": one.counted, "better": result.better}
    put(folder / "behaviour" / "results.json", results)


def put_run(folder: Path, stages: Mapping[str, Mapping[str, Any]], suites: Mapping[str, Any] | None = None) -> Path:
    """``manifest.json`` and the folder of each stage, all done."""
    options = {
        name: {"kind": "sft", "model": None, "data": [{"path": f"{name}.jsonl"}], **stage}
        for name, stage in stages.items()
    }
    data = {f"{name}.jsonl": f"{number:064x}" for number, name in enumerate(stages)}
    recipe = {"model": "base", "seed": 7, "suites": suites or {}, "stages": options}
    machine = {"system": "Linux", "cpus": 2}
    versions = {"posttrain": "0.1.0", "code": "c" * 64, "python": "3.11.7", "libraries": {"torch": "2.13.0"}}
    put(
        folder / "manifest.json",
        {**versions, "machine": machine, "recipe_file": None, "recipe": recipe, "model": "m" * 64, "data": data},
    )
    for name in stages:
        put_stage(folder / "stages" / name)
    return folder


def put_stage(folder: Path, **done: Any) -> None:
    """A finished stage."""
    put(folder / "started.json", {"keys": {}, "content": {"the model it starts from": "a" * 64}})
    model = {"config.json": "b" * 64, "model.safetensors": "d" * 64}
    put(folder / "stage.json", {"fingerprint": "f" * 64, "seconds": 12.5, "figures": {}, "model": model, **done})
    rows = [{"step": n, "loss": 3 / n, "num_tokens": 100, "split": "train", "time": "2026"} for n in range(1, 9)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def gate(text: str, outcome: str, **more: Any) -> dict[str, Any]:
    """A gate as ``gates.json`` holds it."""
    known = {
        "stage": "sft",
        "gate": text,
        "key": "facts",
        "outcome": outcome,
        "blocks": outcome != "pass",
        "value": 0.5,
    }
    tested = {"reference": None, "threshold": 0.9, "margin": None, "difference": None, "interval": [0.4, 0.6], "n": 40}
    rest = {
        "clusters": 40,
        "test": "score",
        "p_pass": 0.9,
        "p_fail": 0.01,
        "detectable": 0.1,
        "on_inconclusive": "stop",
    }
    return {**known, **tested, **rest, "waiver": None, **more}
