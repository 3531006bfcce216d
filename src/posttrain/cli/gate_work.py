"""The work of `posttrain gate`, apart from its options."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.console import Console

from posttrain.errors import InputError
from posttrain.evaluate.gates.gate_verdict import GateVerdict
from posttrain.evaluate.gates.options import Gate
from posttrain.evaluate.gates.resolve import subject_of
from posttrain.files import read_json
from posttrain.pipeline.gates import stage_verdicts, stop_at_blocking
from posttrain.pipeline.verdict_text import verdict_sentence
from posttrain.recipe.checks import check_gates
from posttrain.recipe.gates import measured_after
from posttrain.recipe.problems import RecipeSource, near
from posttrain.recipe.schema import Recipe, in_order
from posttrain.recipe.stages.base import TrainingStage


def decide_and_show(out: Path, gates: Sequence[str], stage: str | None, *, as_json: bool) -> None:
    """Decide the gates of a run, and print the verdicts.

    Raises:
        InputError: this is no run directory, or a gate is about nothing in it.
        GateStopped: a verdict blocks.
    """
    recipe = _recipe_of(out)
    done = [name for name in in_order(recipe) if (out / "stages" / name / "stage.json").is_file()]
    if gates:
        recipe = _with_gates(recipe, gates, stage, done)
    verdicts = [verdict for name in done for verdict in stage_verdicts(recipe, name, out)]
    _show(verdicts, as_json=as_json)
    stop_at_blocking(verdicts, out)


def _show(verdicts: Sequence[GateVerdict], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"gates": [verdict.as_json() for verdict in verdicts]}, indent=2))
        return
    console = Console(highlight=False)
    for verdict in verdicts:
        console.print(verdict_sentence(verdict), markup=False, soft_wrap=True)
    if not verdicts:
        console.print("This run has no gates. Add `gates` to a stage of the recipe, or name one with --gate.")


def _recipe_of(out: Path) -> Recipe:
    """The recipe that a run directory was made with."""
    path = out / "manifest.json"
    if not path.is_file():
        raise InputError(f"{out}: this is no run directory: it has no manifest.json")
    try:
        return Recipe.model_validate(read_json(path)["recipe"])
    except ValidationError as error:
        raise InputError(
            f"{path}: the recipe is one of an earlier version ({error.error_count()} keys differ); run it again to "
            "decide its gates"
        ) from error


def _with_gates(recipe: Recipe, gates: Sequence[str], stage: str | None, done: Sequence[str]) -> Recipe:
    """The recipe with these gates alone, each on the stage named or else on the last one that its suite measured."""
    stated: dict[str, list[Gate]] = {}
    for text in gates:
        try:
            gate, suite = Gate(gate=text), subject_of(text, recipe.suites).suite
        except ValidationError as error:
            raise InputError(f"--gate {text}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
        except ValueError as error:
            raise InputError(f"--gate {text}: {error}") from error
        measured = [name for name in measured_after(recipe, suite) if name in done]
        if not measured:
            raise InputError(f"--gate {text}: no stage that is done was measured by the suite {suite}")
        if stage is not None and stage not in measured:
            raise InputError(f"--stage {stage}: the suite {suite} did not measure it{near(stage, measured)}")
        stated.setdefault(stage or measured[-1], []).append(gate)
    stages = {
        name: options.model_copy(update={"gates": tuple(stated.get(name, ()))})
        if isinstance(options, TrainingStage)
        else options
        for name, options in recipe.stages.items()
    }
    recipe = recipe.model_copy(update={"gates": (), "stages": stages})
    check_gates(recipe, RecipeSource(None, Path(), Recipe, {}, {}, {}))
    return recipe
