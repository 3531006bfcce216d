"""Which gates hold for which stage."""

from posttrain.evaluate.gates.options import Gate
from posttrain.evaluate.gates.resolve import subject_of
from posttrain.evaluate.options import SuiteOptions
from posttrain.recipe.schema import Recipe, in_order
from posttrain.recipe.stages.base import Makes, StageOptions, TrainingStage


def suites_for(recipe: Recipe, makes: Makes) -> dict[str, SuiteOptions]:
    """The suites that measure models that write ("causal"), or reward models ("score")."""
    return {key: suite for key, suite in recipe.suites.items() if suite.task == makes}


def suites_of_stage(recipe: Recipe, name: str) -> dict[str, SuiteOptions]:
    """The suites that measure a stage's model."""
    suites = suites_for(recipe, recipe.stages[name].makes)
    return {key: suite for key, suite in suites.items() if suite.stages is None or name in suite.stages}


def measured_after(recipe: Recipe, suite: str) -> list[str]:
    """The stages whose models a suite measures, in the order of the run."""
    return [name for name in in_order(recipe) if suite in suites_of_stage(recipe, name)]


def stage_gates(stage: StageOptions) -> tuple[Gate, ...]:
    """The gates that a stage states itself."""
    return stage.gates if isinstance(stage, TrainingStage) else ()


def gates_of(recipe: Recipe, name: str) -> list[Gate]:
    """The gates of a stage: its own, and those of the run whose suite measures no later stage."""
    of_run = [g for g in recipe.gates if measured_after(recipe, subject_of(g.gate, recipe.suites).suite)[-1] == name]
    return [*stage_gates(recipe.stages[name]), *of_run]


def gate_count(recipe: Recipe) -> int:
    """The number of all gates of the recipe."""
    return len(recipe.gates) + sum(len(stage_gates(stage)) for stage in recipe.stages.values())
