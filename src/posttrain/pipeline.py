"""Run a recipe's stages in order; what is done already with the same inputs is not done again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.data.options import DataSource
from posttrain.earlier import Inputs, begin, changes, finished, flat, has_work, started_with, strangers
from posttrain.errors import InputError, RunError, Stopped
from posttrain.evaluate.options import SuiteOptions
from posttrain.files import sha256_of, write_json
from posttrain.library_log import library_log
from posttrain.recipe import Recipe, in_order, made_by_stages, origin
from posttrain.run import check_owner, data_hashes, file_hashes, locked, write_manifest
from posttrain.screen import Screen, shown
from posttrain.stages.context import Context, Figure
from posttrain.stages.fits import less_memory, short_of_memory
from posttrain.stages.kinds import KINDS, Stage
from posttrain.stages.technique import TrainingStage

LOG = "log.txt"
"""What libraries warn of, in the run directory."""

Summary = dict[str, dict[str, Figure]]
"""stage → metric → figure."""


@dataclass(frozen=True, slots=True)
class _Model:
    """A model a stage may start from: where it lies, what it depends on, how it behaves."""

    path: str
    fingerprint: str
    behaviour: Mapping[str, Figure] = field(default_factory=dict[str, Figure])


Models = dict[str | None, _Model]
"""By name: stages, folders and hub ids; None is the recipe's own."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same over all stages; see `run_recipe`.

    Args:
        hashes: of every file the recipe names.
    """

    recipe: Recipe
    base: Path
    out: Path
    hashes: Mapping[str, str]
    screen: Screen
    stop: Callable[[], bool]
    wait: bool

    def folder(self, name: str) -> Path:
        """A stage's."""
        return self.out / "stages" / name


def run_recipe(
    recipe: Recipe,
    *,
    base: Path,
    out: Path,
    screen: Screen,
    stop: Callable[[], bool] = lambda: False,
    wait: bool = False,
    file: Path | None = None,
    start_over: Callable[[], bool] = lambda: True,
) -> Summary:
    """Run all stages; writes ``manifest.json``, ``summary.json`` and a folder a stage; ``log.txt`` if libraries warn.

    Args:
        base: folder that relative paths in the recipe start from.
        out: the run directory.
        stop: whether the user asked to stop.
        wait: whether to wait for people where a stage needs them.
        file: the recipe's; a run directory belongs to one.
        start_over: called once it is shown which stages start over, and why; False ends the run before it begins.

    Raises:
        InputError, RunError, Waiting, Stopped: see there; what was done stays, and the same call goes on.
    """
    with locked(out), library_log(out / LOG):
        if file is not None and (moved := check_owner(out, file)) is not None:
            screen.note(moved)
        paths = [path for stage in recipe.stages.values() for path in stage.paths if path not in recipe.stages]
        hashes = data_hashes([*paths, *(suite.data for suite in recipe.suites.values())], base)
        hashes |= file_hashes([file for stage in recipe.stages.values() for file in stage.files.values()], base)
        run = _Run(recipe, base, out, hashes, screen, stop, wait)
        origin = _local(recipe.model, base)
        weights = sha256_of(Path(origin)) if Path(origin).is_dir() else origin
        models: Models = {None: _Model(origin, weights)}
        _look_ahead(run, models, start_over)
        write_manifest(out, file=file, recipe=recipe.model_dump(mode="json"), model=weights, data=hashes)
        models[None] = _base_model(run, models[None])
        summary: Summary = {}
        for number, name in enumerate(in_order(recipe), start=1):
            if stop():
                raise Stopped(f"stopped before stage {name}; everything is saved")
            screen.title(f"[{number}/{len(recipe.stages)}] {name} ({recipe.stages[name].kind})")
            models[name], summary[name] = _run_stage(run, name, models)
            write_json(out / "summary.json", as_json(summary))
        return summary


def as_json(summary: Summary) -> dict[str, Any]:
    """stage → metric → before, after, n, interval."""
    return {stage: {name: asdict(figure) for name, figure in figures.items()} for stage, figures in summary.items()}


def suites_of(recipe: Recipe, name: str) -> dict[str, SuiteOptions]:
    """The suites that measure a stage's model, if it leaves one."""
    if KINDS[recipe.stages[name].kind].makes == "data":
        return {}
    return {key: suite for key, suite in recipe.suites.items() if suite.stages is None or name in suite.stages}


def _look_ahead(run: _Run, models: Models, start_over: Callable[[], bool]) -> None:
    """Before anything begins: show what starts over and why, and refuse what does not fit into memory.

    Raises:
        InputError: the user does not want it to start over, or a stage does not fit.
    """
    recipe, known = run.recipe, dict(models)
    restarts: dict[str, list[str]] = {}
    for name in in_order(recipe):
        inputs, folder = _inputs(run, name, known), run.folder(name)
        done = _done(run, name, inputs, known)
        if done is None:
            if (short := short_of_memory(recipe.stages[name], _outline(run, name))) is not None:
                raise InputError(f"stages.{name}: {short}")
            before = started_with(folder)
            if has_work(folder) and before != inputs:
                restarts[name] = changes(before, inputs)
        known[name] = _Model(str(folder / "model"), done["fingerprint"] if done else inputs.fingerprint)
    for name in strangers(run.out / "stages", recipe.stages):
        run.screen.note(f"stages/{name}/ is of an earlier recipe, and is left as it is")
    for name, told in restarts.items():
        run.screen.title(f"{name} starts over; its inputs changed")
        for sentence in told:
            run.screen.note(shown(sentence))
    if restarts and not start_over():
        raise InputError(
            f"{run.out}: the inputs of {', '.join(restarts)} changed, and nothing was started. Put them back, name "
            "another run directory with --out, or say --fresh: earlier results are kept then, too"
        )


def _outline(run: _Run, name: str) -> Context:
    """A stage's surroundings for what depends on shapes alone: each model is the one that its chain began with."""
    stage = run.recipe.stages[name]
    others = {other.name: origin(run.recipe, other.name, run.base) for other in stage.others}
    model = origin(run.recipe, stage.model, run.base)
    return Context(name, run.folder(name), run.base, model, run.recipe.seed, others)


def _inputs(run: _Run, name: str, models: Models) -> Inputs:
    """What a stage's result depends on, as far as it is there."""
    recipe, stage, suites = run.recipe, run.recipe.stages[name], suites_of(run.recipe, name)
    paths = [*stage.paths, *stage.files.values(), *_suite_paths(suites)]
    content = {f"the model {stage.model or recipe.model}": _model(run, stage.model, models).fingerprint}
    content |= {f"the model {other.name}": _model(run, other.name, models).fingerprint for other in stage.others}
    content |= {file: value for file, value in run.hashes.items() if _belongs(file, paths)}
    made = {other: _product(run, other) for other in made_by_stages(recipe, name)}
    content |= {f"the data of {other}": sha256_of(path) for other, path in made.items() if path.is_file()}
    keys = {
        "stages": {name: stage.model_dump(mode="json")},
        "seed": recipe.seed,
        "suites": {key: suite.model_dump(mode="json") for key, suite in suites.items()},
    }
    return Inputs(keys, content)


def _run_stage(run: _Run, name: str, models: Models) -> tuple[_Model, dict[str, Figure]]:
    recipe, stage, folder = run.recipe, run.recipe.stages[name], run.folder(name)
    suites, inputs, start = suites_of(recipe, name), _inputs(run, name, models), _model(run, stage.model, models)
    done = _done(run, name, inputs, models)
    if done is not None:
        run.screen.note("done already, with the same inputs")
        figures = {key: Figure(**figure) for key, figure in done["figures"].items()}
    else:
        if (aside := begin(folder, inputs)) is not None:
            what = "the earlier result" if finished(aside) else "the earlier, unfinished work"
            run.screen.note(f"its inputs changed, so it starts over; {what} is in {aside}/")
        started = time.monotonic()
        ready, context = _ready(run, name, models)
        figures = _guarded(lambda: KINDS[stage.kind].run(ready, context), stage, name)
        figures = _with_before(figures, start.behaviour)
        done = {
            "fingerprint": inputs.fingerprint,
            "seconds": round(time.monotonic() - started, 1),
            "figures": {key: asdict(figure) for key, figure in figures.items()},
        }
        write_json(folder / "stage.json", done)
    behaviour = {key: figures[key] for key in figures if key.split("/")[0] in suites}
    return _Model(str(folder / "model"), str(done["fingerprint"]), behaviour), figures


def _ready(run: _Run, name: str, models: Models) -> tuple[Stage, Context]:
    """A stage as it runs: its data found, its surroundings made."""
    recipe, stage = run.recipe, run.recipe.stages[name]
    others = {other.name: _model(run, other.name, models).path for other in stage.others}
    made = {other: _product(run, other) for other in made_by_stages(recipe, name)}
    model, suites = _model(run, stage.model, models).path, suites_of(recipe, name)
    context = Context(
        name, run.folder(name), run.base, model, recipe.seed, others, suites, run.screen, run.stop, run.wait
    )
    return with_products(stage, made), context


def _done(run: _Run, name: str, inputs: Inputs, models: Models) -> dict[str, Any] | None:
    """What a stage wrote when it was done with these inputs, or with others that come to the same."""
    folder = run.folder(name)
    done, before = finished(folder), started_with(folder)
    if done is None or done.get("fingerprint") == inputs.fingerprint:
        return done
    known = before is not None and done.get("fingerprint") == before.fingerprint
    return done if before is not None and known and _same_end(run, name, before, inputs, models) else None


def _same_end(run: _Run, name: str, before: Inputs, inputs: Inputs, models: Models) -> bool:
    """Whether only `epochs` and `max_steps` differ, and both come to the same number of steps."""
    old, new = flat(before.keys), flat(inputs.keys)
    ends = {f"stages.{name}.{key}": key for key in ("epochs", "max_steps")}
    moved = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    stage, context = _ready(run, name, models)
    if before.content != inputs.content or not moved <= ends.keys() <= old.keys():
        return False
    earlier = stage.model_copy(update={key: old[place] for place, key in ends.items()})
    return _steps(earlier, context) == _steps(stage, context)


def _steps(stage: Stage, context: Context) -> int:
    with TemporaryDirectory() as folder:
        quiet = replace(context, folder=Path(folder), screen=Screen(quiet=True))
        return KINDS[stage.kind].look(stage, quiet).steps


def with_products(stage: Stage, made: Mapping[str, Path]) -> Stage:
    """The stage, reading the files that earlier stages made where its data names them."""

    def found(sources: tuple[DataSource, ...]) -> tuple[DataSource, ...]:
        return tuple(s.model_copy(update={"path": str(made[s.path])}) if s.path in made else s for s in sources)

    if not made:
        return stage
    held = getattr(stage, "validation", None)
    more = {"validation": found(held)} if isinstance(held, tuple) else {}
    return stage.model_copy(update={"data": found(stage.data), **more})


def _product(run: _Run, name: str) -> Path:
    """The file of data that a stage leaves."""
    return (run.folder(name) / str(KINDS[run.recipe.stages[name].kind].product)).resolve()


def _guarded(run: Callable[[], dict[str, Figure]], stage: Stage, name: str) -> dict[str, Figure]:
    """Name the stage in what goes wrong; say what helps when memory runs out."""
    import torch

    try:
        return run()
    except RunError as error:
        raise RunError(f"stage {name}, {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RunError(f"stage {name}: out of memory. {less_memory(stage)}; what is done already is kept") from error


def _model(run: _Run, name: str | None, models: Models) -> _Model:
    """A model by its name; one that is no stage is hashed once."""
    if name not in models:
        path = _local(str(name), run.base)
        models[name] = _Model(path, sha256_of(Path(path)) if Path(path).is_dir() else path)
    return models[name]


def _local(model: str, base: Path) -> str:
    """A folder beside the recipe, or the hub id as it stands."""
    return str((base / model).resolve()) if (base / model).is_dir() else model


def _base_model(run: _Run, model: _Model) -> _Model:
    """The recipe's model, its behaviour measured before any training."""
    recipe, path = run.recipe, model.path
    writing = [s for s in recipe.stages.values() if isinstance(s, TrainingStage) and KINDS[s.kind].makes == "causal"]
    if not recipe.suites or not writing:
        return model
    from posttrain.policy.open import open_policy
    from posttrain.stages.behaviour import measure
    from posttrain.stages.reading import codec_for

    folder, suites = run.out / "base", {key: suite.model_dump(mode="json") for key, suite in recipe.suites.items()}
    asked = {file: value for file, value in run.hashes.items() if _belongs(file, _suite_paths(recipe.suites))}
    begin(folder, Inputs({"suites": suites}, {f"the model {recipe.model}": model.fingerprint, **asked}))
    run.screen.title("before training")
    first = writing[0]
    context = Context("base", folder, run.base, path, recipe.seed, screen=Screen(quiet=True))
    codec = codec_for(first, context, trust_remote_code=first.trust_remote_code)
    policy = open_policy(path, first, train=False, on_note=run.screen.note)
    policy.end_tokens = tuple(sorted(codec.end_tokens))
    found = measure(policy, codec, recipe.suites, base=run.base, folder=folder / "behaviour", screen=run.screen)
    return replace(
        model, behaviour={key: Figure(None, m.value, m.n, m.interval, "share", "answers") for key, m in found.items()}
    )


def _with_before(figures: Mapping[str, Figure], behaviour: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        key: replace(figure, before=behaviour[key].after) if key in behaviour else figure
        for key, figure in figures.items()
    }


def _suite_paths(suites: Mapping[str, SuiteOptions]) -> list[str]:
    return [suite.data for suite in suites.values()]


def _belongs(file: str, paths: list[str]) -> bool:
    return any(file == path or file.startswith(path.rstrip("/") + "/") for path in paths)
