"""A run as its folder records it. A missing piece becomes a sentence; a broken file is an `InputError`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posttrain.errors import InputError
from posttrain.files import PARTIAL
from posttrain.report.results import ModelResults, read_model_results
from posttrain.report.run_files import expected, json_lines, json_object

State = Literal["done", "unfinished", "not begun"]

_PREVIOUS = re.compile(r"\.previous(-\d+)?$")


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A stage as its folder records it.

    Args:
        options: its part of the recipe.
        content: hash of each model and file that it started with.
        done: ``stage.json``; empty if the stage is not done.
        metrics: the lines of ``metrics.jsonl``.
    """

    name: str
    folder: Path
    options: Mapping[str, Any]
    state: State
    content: Mapping[str, str]
    done: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    results: ModelResults | None

    @property
    def kind(self) -> str:
        """The kind of stage, such as ``sft``."""
        return str(self.options.get("kind", "stage"))

    @property
    def start(self) -> str | None:
        """The model that it starts from, as the recipe names it; None for the recipe's own."""
        model = self.options.get("model")
        return None if model is None else str(model)

    @property
    def figures(self) -> Mapping[str, Mapping[str, Any]]:
        """Metric → before, after, n, interval, unit and what n counts."""
        return self.done.get("figures", {})

    @property
    def weights(self) -> str | None:
        """The hash of the model's weights; None if it left no model."""
        hashes = self.done.get("model", {})
        return next((value for name, value in hashes.items() if name.endswith(".safetensors")), None)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as its folder records it.

    Args:
        gates: the verdicts in ``gates.json``; None if there is no such file.
        missing: a sentence for each piece that is not there.
    """

    folder: Path
    manifest: Mapping[str, Any]
    stages: tuple[StageRecord, ...]
    base: ModelResults | None
    gates: tuple[Mapping[str, Any], ...] | None
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """A short name for headings."""
        parts = self.folder.resolve().parts
        return parts[-2] if parts[-1] == "run" else parts[-1]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe as resolved; empty if it is not known."""
        return self.manifest.get("recipe", {})

    @property
    def results_known(self) -> bool:
        """Whether any stage's model was measured on a suite."""
        return any(stage.results is not None for stage in self.stages)

    def results_before(self, stage: StageRecord) -> ModelResults | None:
        """The results of the model that a stage started from."""
        if stage.start is None:
            return self.base
        return next((other.results for other in self.stages if other.name == stage.start), None)


def read_run(folder: Path) -> RunRecord:
    """Read a run's folder.

    Raises:
        InputError: it is no run's folder, or one of its files is broken.
    """
    inner = folder / "run"
    if not (folder / "manifest.json").is_file() and (inner / "manifest.json").is_file():
        folder = inner  # the demo keeps its run beside its data
    manifest = json_object(folder / "manifest.json")
    if manifest is None and not (folder / "stages").is_dir():
        raise InputError(
            f"{folder}: not a run's folder: it has neither manifest.json nor stages/; name the --out of a run"
        )
    with expected(folder / "manifest.json"):
        options: Mapping[str, Mapping[str, Any]] = dict((manifest or {}).get("recipe", {}).get("stages", {}))
        stages = tuple(_stage(folder / "stages" / name, options.get(name, {})) for name in _order(folder, options))
    base, gates = read_model_results(folder / "base" / "behaviour"), json_object(folder / "gates.json")
    with expected(folder / "gates.json"):
        verdicts = None if gates is None else tuple(dict(gate) for gate in gates["gates"])
    missing = tuple(_missing(manifest, base, stages))
    return RunRecord(folder, manifest or {}, stages, base, verdicts, missing)


def _order(folder: Path, options: Mapping[str, Any]) -> list[str]:
    """The stages in the order of their run, then those of the recipe that are left."""
    finished = json_object(folder / "summary.json") or {}
    if not options:
        names = sorted(path.name for path in (folder / "stages").glob("*") if path.is_dir())
        options = dict.fromkeys(name for name in names if not _PREVIOUS.search(name) and not name.endswith(PARTIAL))
    return list(dict.fromkeys([*(name for name in finished if name in options), *options]))


def _stage(folder: Path, options: Mapping[str, Any]) -> StageRecord:
    started, done = json_object(folder / "started.json"), json_object(folder / "stage.json")
    state: State = "done" if done is not None else "unfinished" if folder.is_dir() else "not begun"
    with expected(folder / "started.json"):
        content = dict((started or {}).get("content", {}))
    with expected(folder / "stage.json"):
        figures = {name: dict(figure) for name, figure in (done or {}).get("figures", {}).items()}
    metrics = tuple(json_lines(folder / "metrics.jsonl", growing=True) or ())
    record = {**done, "figures": figures} if done else {}
    results = read_model_results(folder / "behaviour")
    return StageRecord(folder.name, folder, dict(options), state, content, record, metrics, results)


def _missing(
    manifest: Mapping[str, Any] | None, base: ModelResults | None, stages: tuple[StageRecord, ...]
) -> Iterator[str]:
    if manifest is None:
        yield "manifest.json is missing, so the recipe, the versions and the hashes of the data are not known."
    if not stages:
        yield "No stage has begun."
    for state, sentence in (
        ("unfinished", "was interrupted, so its results are not final"),
        ("not begun", "has not begun"),
    ):
        for stage in stages:
            if stage.state == state:
                yield f"Stage {stage.name} {sentence}."
    if base is None and not any(stage.results for stage in stages):
        yield "The recipe measured no suites, so no answers of the models before and after training can be compared."
    elif base is None:
        yield "The model before training was not measured, so the first stages have nothing to be compared with."
