"""Checks of a recipe as a whole: paths, the models that stages start from, suites and gates."""

import os
from graphlib import CycleError

from posttrain.errors import InputError
from posttrain.evaluate.gates.options import BetterThan, NotWorse, read_gate
from posttrain.evaluate.gates.resolve import subject_of
from posttrain.recipe.gates import measured_after, stage_gates
from posttrain.recipe.problems import RecipeSource, near
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, paths_named
from posttrain.recipe.stages.base import OtherModel


def check_paths(recipe: Recipe, written: RecipeSource) -> None:
    """Refuse paths that are too long for a file system, before other code opens them."""
    for key, path, _ in paths_named(recipe):
        if len(os.fsencode(path)) >= 4096 or any(len(os.fsencode(part)) > 255 for part in path.split("/")):
            raise InputError(f"{written.where(key)}: {len(path):,} characters are too long for a path; shorten it")


def check_models(recipe: Recipe, written: RecipeSource) -> None:
    def at(name: str, key: str = "model") -> str:
        return written.where(("stages", name, *key.split(".")))

    try:
        in_order(recipe)
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        raise InputError(
            f"{at(circle[0])}: the stages {' → '.join(circle)} form a circle; one of them must start from another model"
        ) from error
    for name, stage in recipe.stages.items():
        for other in made_by_stages(recipe, name):
            if recipe.stages[other].product is None:
                raise InputError(f"{at(name, 'data')}: the stage {other} makes no data; name a file or another stage")
        own = () if stage.start is None else (OtherModel("model", stage.start, "causal"),)
        for other in (*own, *stage.others):
            if other.name in recipe.stages:
                made = recipe.stages[other.name].makes
                if made != other.makes:
                    raise InputError(f"{at(name, other.key)}: {other.name} {_WRONG[made]}")
            elif "/" not in other.name and not (written.base / other.name).is_dir():
                raise InputError(
                    f"{at(name, other.key)}: {other.name} is neither a stage nor a folder"
                    f"{near(other.name, recipe.stages)}"
                )


def check_suites(recipe: Recipe, written: RecipeSource) -> None:
    """Refuse suites that would never be measured."""
    for name, suite in recipe.suites.items():
        where = written.where(("suites", name, "stages" if suite.stages is not None else "kind"))
        for other in suite.stages or ():
            if other not in recipe.stages:
                raise InputError(f"{where}: there is no stage {other}{near(other, recipe.stages)}")
            made = recipe.stages[other].makes
            if made != suite.task:
                raise InputError(
                    f"{where}: a suite of kind {suite.kind} measures {_MEASURED[suite.task]}; {other} {_MADE[made]}"
                )
        if suite.task == "score" and all(stage.makes != "score" for stage in recipe.stages.values()):
            raise InputError(
                f"{where}: a suite of kind {suite.kind} measures reward models, and no stage trains one; add a stage "
                "of kind reward, or remove the suite"
            )


_MEASURED = {"causal": "models that write", "score": "reward models"}
_MADE = {"causal": "trains a model that writes", "score": "trains a reward model", "data": "makes no model"}

_WRONG = {
    "score": "is a reward model, which cannot generate text; start from the model that it was trained from",
    "causal": "generates text and has no scalar head; name a stage of kind reward, or a reward model's folder",
    "data": "makes no model; name a stage that trains one, or a model",
}
"""Output of a stage → the problem if the key needs another output."""


def check_gates(recipe: Recipe, written: RecipeSource) -> None:
    """Check that each gate is about a result of its stage, and compares it with an earlier one."""
    for number, gate in enumerate(recipe.gates):
        _check_gate(recipe, gate.gate, None, written.where(("gates", number)))
    for name in recipe.stages:
        for number, gate in enumerate(stage_gates(recipe.stages[name])):
            _check_gate(recipe, gate.gate, name, written.where(("stages", name, "gates", number)))


def _check_gate(recipe: Recipe, gate: str, stage: str | None, where: str) -> None:
    """Check one gate.

    Args:
        stage: whose gate it is; None for a gate of the run.
        where: its place in the recipe, for messages.
    """
    try:
        subject = subject_of(gate, recipe.suites)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    measured = measured_after(recipe, subject.suite)
    if stage is None and not measured:
        raise InputError(f"{where}: no stage is measured by the suite {subject.suite}")
    own = stage or measured[-1]
    if own not in measured:
        raise InputError(f"{where}: the suite {subject.suite} does not measure {own}{_where_measured(measured)}")
    claim = read_gate(gate).claim
    if not isinstance(claim, NotWorse | BetterThan):
        return
    earlier = measured[: measured.index(own)]
    known = [*earlier, *(["base"] if recipe.suites[subject.suite].task == "causal" else [])]
    if claim.reference not in known:
        listed = ", ".join(known) or "none"
        raise InputError(
            f"{where}: {claim.reference} is no earlier stage that the suite {subject.suite} measures (they are: "
            f"{listed}){near(claim.reference, known)}"
        )


def _where_measured(measured: list[str]) -> str:
    return f" (it measures {', '.join(measured)})" if measured else "; no stage leaves a model that it can measure"
