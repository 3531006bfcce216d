"""The results of other evaluation tools that were imported into a run."""

from dataclasses import dataclass

from posttrain.report.record import RunRecord
from posttrain.report.results import ResultLine, read_model_results
from posttrain.report.run_files import expected, json_object


@dataclass(frozen=True, slots=True)
class ImportedResults:
    """The results of one imported file.

    Args:
        name: of the import.
        tool: the tool with its version.
        model: the model as the tool named it, and the stage that the import names.
        lines: the results.
    """

    name: str
    tool: str
    model: str
    lines: tuple[ResultLine, ...]


def imported_of(run: RunRecord) -> list[ImportedResults]:
    """The imports in a run's folder, by name.

    Raises:
        InputError: a file of an import is broken.
    """
    imports: list[ImportedResults] = []
    for folder in sorted(path.parent for path in run.folder.glob("imported/*/source.json")):
        source, results = json_object(folder / "source.json"), read_model_results(folder)
        if source is None or results is None:
            continue
        with expected(folder / "source.json"):
            tool = " ".join(str(source[key]) for key in ("tool", "version") if source.get(key))
            model = ", stage ".join(str(source[key]) for key in ("model", "stage") if source.get(key))
        imports.append(ImportedResults(folder.name, tool, model, tuple(results.lines.values())))
    return imports
