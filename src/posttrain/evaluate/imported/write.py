"""Results of other tools in a run: ``imported/NAME/`` holds what a suite leaves, and ``source.json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain import __version__
from posttrain.errors import InputError
from posttrain.evaluate.behaviour import samples_file, write_results
from posttrain.evaluate.imported.harness import TOOL as HARNESS
from posttrain.evaluate.imported.harness import is_harness_file, read_harness_results
from posttrain.evaluate.imported.inspect_log import is_inspect_log, read_inspect_log, read_inspect_zip
from posttrain.evaluate.imported.types import ImportedEvaluation, read_foreign_json, suite_name
from posttrain.evaluate.sample import write_samples
from posttrain.files import read_json, sha256_of, whole_folder, write_json

IMPORTED = "imported"
"""The folder of a run that holds the results of other tools."""

SOURCE = "source.json"
"""Where imported results come from."""


@dataclass(frozen=True, slots=True)
class ImportedFolder:
    """An imported evaluation on disk.

    Args:
        new: False if the same file was imported before.
    """

    evaluation: ImportedEvaluation
    folder: Path
    new: bool


def read_evaluation(path: Path) -> ImportedEvaluation:
    """A file of lm-evaluation-harness or of Inspect.

    Raises:
        InputError: it is neither, or it is malformed.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    document = read_inspect_zip(path) if path.suffix == ".eval" else _json_of(path)
    try:
        if is_harness_file(document):
            return read_harness_results(path, document)
        if is_inspect_log(document):
            return read_inspect_log(path, document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: is not as {_tools()} writes it ({type(error).__name__}: {error})") from error
    raise InputError(f"{path}: is no file of results of {_tools()}")


def _json_of(path: Path) -> Any:
    if path.suffix != ".json":
        raise InputError(f"{path}: name results_DATE.json, an Inspect log (.eval or .json), or a folder of them")
    return read_foreign_json(path)


def _tools() -> str:
    return f"{HARNESS} or Inspect"


def evaluation_files(path: Path) -> list[Path]:
    """The files of results in a folder, at any depth; a file is itself.

    Raises:
        InputError: a folder has none.
    """
    if not path.is_dir():
        return [path]
    files = sorted(file for pattern in ("results_*.json", "*.eval") for file in path.rglob(pattern))
    if not files:
        raise InputError(f"{path}: has no results_DATE.json of {HARNESS} and no .eval file of Inspect")
    return files


def import_evaluations(run: Path, files: Sequence[Path], stage: str | None) -> list[ImportedFolder]:
    """Write the evaluations into the run. Nothing is written before all files are read.

    Args:
        stage: whose model was evaluated; if None, the stage whose folder the tool names as the model, if it does.

    Raises:
        InputError: this is no run, a file cannot be read, or there is no such stage.
    """
    if not (run / "stages").is_dir():
        raise InputError(f"{run}: is no run directory (it has no stages/)")
    if stage is not None and stage != "base" and not (run / "stages" / stage).is_dir():
        raise InputError(f"--stage {stage}: {run} has no such stage")
    evaluations = [read_evaluation(file) for path in files for file in evaluation_files(path)]
    return [_write(run, evaluation, stage or _stage_of(run, evaluation.model)) for evaluation in evaluations]


def _stage_of(run: Path, model: str) -> str | None:
    place, stages = Path(model).resolve(), (run / "stages").resolve()
    return place.relative_to(stages).parts[0] if place.is_relative_to(stages) and place != stages else None


def _write(run: Path, evaluation: ImportedEvaluation, stage: str | None) -> ImportedFolder:
    digest = sha256_of(evaluation.file)
    for source in run.glob(f"{IMPORTED}/*/{SOURCE}"):
        if read_json(source)["sha256"] == digest:
            return ImportedFolder(evaluation, source.parent, new=False)
    prefix = "lm_eval" if evaluation.tool == HARNESS else "inspect"
    name = f"{prefix}-{suite_name(evaluation.date)}"
    folder = run / IMPORTED / (name if not (run / IMPORTED / name).exists() else f"{name}-{digest[:8]}")
    with whole_folder(folder) as target:
        for suite, samples in evaluation.samples.items():
            write_samples(target / samples_file(suite), samples)
        write_results(target, evaluation.results)
        write_json(
            target / SOURCE,
            {
                "tool": evaluation.tool,
                "version": evaluation.version,
                "model": evaluation.model,
                "stage": stage,
                "date": evaluation.date,
                "file": str(evaluation.file.resolve()),
                "sha256": digest,
                "imported_by": f"posttrain {__version__}",
            },
        )
    return ImportedFolder(evaluation, folder, new=True)
