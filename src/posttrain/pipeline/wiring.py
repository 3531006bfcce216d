"""How the stages of one run hang together: what each starts from, reads and depends on, and what is done already."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.console import Screen
from posttrain.data.options import DataSource
from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.files import sha256_of, unchanged
from posttrain.pipeline.earlier_results import Inputs, finished, flat, started_with
from posttrain.ranks.group import group_size, local_size
from posttrain.recipe.gates import suites_of_stage
from posttrain.recipe.schema import Recipe, made_by_stages, origin
from posttrain.recipe.stages.base import StageOptions
from posttrain.stages.context import Context, Figure, Ranks
from posttrain.stages.fits import short_of_memory
from posttrain.stages.runner import runner_of


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model a stage may start from: where it lies, what it depends on, how it behaves."""

    path: str
    fingerprint: str
    behaviour: Mapping[str, Figure] = field(default_factory=dict[str, Figure])


Models = dict[str | None, KnownModel]
"""By name: stages, folders and hub ids; None is the recipe's own."""


@dataclass(frozen=True, slots=True)
class Run:
    """What stays the same over all stages; see `run_recipe`.

    Args:
        hashes: of every file the recipe names.
        shared: folders of other runs, whose finished stages are taken where their inputs are the same.
    """

    recipe: Recipe
    base: Path
    out: Path
    hashes: Mapping[str, str]
    screen: Screen
    stop: Callable[[], bool]
    wait: bool
    shared: Sequence[Path] = ()

    def folder(self, name: str) -> Path:
        """A stage's."""
        return self.out / "stages" / name


def model_named(run: Run, name: str | None, models: Models) -> KnownModel:
    """A model by its name; one that is no stage is hashed once."""
    if name not in models:
        path = _local(str(name), run.base)
        models[name] = KnownModel(path, sha256_of(Path(path)) if Path(path).is_dir() else path)
    return models[name]


def _local(model: str, base: Path) -> str:
    """A folder beside the recipe, or the hub id unchanged."""
    return str((base / model).resolve()) if (base / model).is_dir() else model


def check_fits(run: Run, names: Iterable[str]) -> None:
    """Refuse stages that do not fit into memory, by their models' shapes: no weight is read, nor hashed.

    Raises:
        InputError: with the first such stage.
    """
    for name in names:
        if (short := short_of_memory(run.recipe.stages[name], _outlined(run, name))) is not None:
            raise InputError(f"stages.{name}: {short}")


def _outlined(run: Run, name: str) -> Context:
    """A stage's surroundings for what depends on shapes alone: each model is the one that its chain began with."""
    stage = run.recipe.stages[name]
    others = {other.name: origin(run.recipe, other.name, run.base) for other in stage.others}
    model = origin(run.recipe, stage.start, run.base)
    return Context(name, run.folder(name), run.base, model, run.recipe.seed, others, ranks=ranks_of_run())


def inputs_of(run: Run, name: str, models: Models) -> Inputs:
    """The inputs on which a stage's result depends, as far as they exist."""
    recipe, stage, suites = run.recipe, run.recipe.stages[name], suites_of_stage(run.recipe, name)
    paths = [*stage.paths, *stage.files.values(), *suite_paths(suites)]
    content = {"the model it starts from": model_named(run, stage.start, models).fingerprint}
    content |= {f"the model {other.name}": model_named(run, other.name, models).fingerprint for other in stage.others}
    content |= {file: value for file, value in run.hashes.items() if belongs(file, paths)}
    sources = {key: reward.source_hash() for key, reward in stage.reward_specs.items()}
    content |= {f"the function of {key}": value for key, value in sources.items() if value is not None}
    made = {other: product_of(run, other) for other in made_by_stages(recipe, name)}
    content |= {f"the data of {other}": sha256_of(path) for other, path in made.items() if path.is_file()}
    keys = {
        "stages": {name: stage.model_dump(mode="json", exclude=dict(stage.not_inputs))},
        "seed": recipe.seed,
        "suites": {key: suite.model_dump(mode="json") for key, suite in suites.items()},
    }
    return Inputs(keys, content)


def ready(run: Run, name: str, models: Models) -> tuple[StageOptions, Context]:
    """A stage with its data resolved, and its context."""
    recipe, stage = run.recipe, run.recipe.stages[name]
    others = {other.name: model_named(run, other.name, models).path for other in stage.others}
    made = {other: product_of(run, other) for other in made_by_stages(recipe, name)}
    model, suites = model_named(run, stage.start, models).path, suites_of_stage(recipe, name)
    context = Context(
        name,
        run.folder(name),
        run.base,
        model,
        recipe.seed,
        others,
        suites,
        run.screen,
        run.stop,
        run.wait,
        ranks=ranks_of_run(),
    )
    return with_products(stage, made), context


def ranks_of_run() -> Ranks:
    """The processes of this run."""
    return Ranks(group_size(), local_size())


def done_already(run: Run, name: str, inputs: Inputs, models: Models) -> dict[str, Any] | None:
    """The record that a stage wrote when it was done with these inputs or with equivalent ones.

    None where its model is not as it was written: the stage makes it again, from its last checkpoint if it can.
    """
    folder = run.folder(name)
    done, before = finished(folder), started_with(folder)
    if done is None or not unchanged(folder / "model", done.get("model", {})):
        return None
    if done.get("fingerprint") == inputs.fingerprint:
        return done
    known = before is not None and done.get("fingerprint") == before.fingerprint
    return done if before is not None and known and _same_end(run, name, before, inputs, models) else None


def _same_end(run: Run, name: str, before: Inputs, inputs: Inputs, models: Models) -> bool:
    """Whether only `epochs` and `max_steps` differ, and both come to the same number of steps."""
    old, new = flat(before.keys), flat(inputs.keys)
    ends = {f"stages.{name}.{key}": key for key in ("epochs", "max_steps")}
    moved = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    stage, context = ready(run, name, models)
    if before.content != inputs.content or not moved <= ends.keys() <= old.keys():
        return False
    earlier = stage.model_copy(update={key: old[place] for place, key in ends.items()})
    return _steps(earlier, context) == _steps(stage, context)


def _steps(stage: StageOptions, context: Context) -> int:
    with TemporaryDirectory() as folder:
        quiet = replace(context, folder=Path(folder), screen=Screen(quiet=True))
        return runner_of(stage).preview(stage, quiet).steps


def with_products(stage: StageOptions, made: Mapping[str, Path]) -> StageOptions:
    """The stage with the names of earlier stages in its data replaced by the files that they made."""

    def located(source: DataSource) -> DataSource:
        return source.model_copy(update={"path": str(made[source.path])}) if source.path in made else source

    def sources_of(value: Any) -> tuple[DataSource, ...]:
        return value if isinstance(value, tuple) and all(isinstance(part, DataSource) for part in value) else ()

    fields = {key: sources_of(getattr(stage, key)) for key in type(stage).model_fields}
    return stage.model_copy(update={key: tuple(map(located, sources)) for key, sources in fields.items() if sources})


def product_of(run: Run, name: str) -> Path:
    """The file of data that a stage leaves."""
    return (run.folder(name) / str(run.recipe.stages[name].product)).resolve()


def suite_paths(suites: Mapping[str, SuiteOptions]) -> list[str]:
    """The suites' data."""
    return [path for suite in suites.values() for path in suite.paths]


def belongs(file: str, paths: list[str]) -> bool:
    """Whether a file is among these paths, or in a folder among them."""
    return any(file == path or file.startswith(path.rstrip("/") + "/") for path in paths)
