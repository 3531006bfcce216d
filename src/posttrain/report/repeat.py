"""What it takes to repeat a run: the command, the seed, the versions, the hashes and the recipe."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from posttrain.report.record import RunRecord
from posttrain.report.run_files import expected

UNKNOWN = "not recorded"


@dataclass(frozen=True, slots=True)
class Repeat:
    """What it takes to repeat a run.

    Args:
        recipe_file: None if the run was started from Python.
        facts: name → value, as text.
        hashes: file → its hash.
        recipe: as YAML, with every default.
    """

    recipe_file: str | None
    facts: Mapping[str, str]
    hashes: Mapping[str, str]
    recipe: str


def how_to_repeat(run: RunRecord) -> Repeat | None:
    """The run's manifest as text; None if it is missing.

    Raises:
        InputError: ``manifest.json`` is broken.
    """
    manifest = run.manifest
    if not manifest:
        return None
    with expected(run.folder / "manifest.json"):
        versions = {"Python": manifest.get("python", UNKNOWN), **manifest.get("libraries", {})}
        machine = manifest.get("machine", {})
        start = f"{run.recipe.get('model', UNKNOWN)} {manifest.get('model', '')}"
        facts = {
            "Seed": str(run.recipe.get("seed", UNKNOWN)),
            "posttrain": f"{manifest.get('posttrain', UNKNOWN)}, code {manifest.get('code', UNKNOWN)}",
            "Python and libraries": ", ".join(f"{name} {version}" for name, version in versions.items()),
            "Machine": f"{machine.get('system', UNKNOWN)}, {machine.get('cpus', '?')} CPUs",
            "Start model": start.strip(),
        }
        hashes = {str(name): str(value) for name, value in manifest.get("data", {}).items()}
        hashes |= {f"weights of {stage.name}": stage.weights for stage in run.stages if stage.weights}
        recipe = yaml.safe_dump(dict(run.recipe), sort_keys=False, allow_unicode=True) if run.recipe else ""
        file = manifest.get("recipe_file")
        return Repeat(None if file is None else str(file), facts, hashes, recipe)
