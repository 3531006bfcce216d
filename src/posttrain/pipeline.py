"""Run a recipe's stages in order; what is done already with the same inputs is not done again."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from posttrain.data.options import DataSource
from posttrain.errors import RunError, Stopped
from posttrain.evaluate.options import SuiteOptions
from posttrain.files import hash_of, sha256_of, write_json
from posttrain.out_folder import check_out
from posttrain.recipe import Recipe, in_order, made_by_stages, paths_named
from posttrain.run import begin, data_hashes, file_hashes, finished, locked, write_manifest
from posttrain.screen import Screen
from posttrain.stages.context import Context, Figure
from posttrain.stages.kinds import KINDS, Stage
from posttrain.stages.technique import TrainingStage

Summary = dict[str, dict[str, Figure]]
"""stage → metric → figure."""


@dataclass(frozen=True, slots=True)
class _Model:
    """A model a stage may start from: where it lies, what it depends on, how it behaves."""

    path: str
    fingerprint: str
    behaviour: Mapping[str, Figure]


def run_recipe(
    recipe: Recipe,
    *,
    base: Path,
    out: Path,
    screen: Screen,
    stop: Callable[[], bool] = lambda: False,
    wait: bool = False,
) -> Summary:
    """Run all stages; writes ``manifest.json``, ``recipe.json``, ``summary.json`` and a folder a stage.

    Args:
        base: folder that relative paths in the recipe start from.
        out: the run directory.
        stop: whether the user asked to stop.
        wait: whether to wait for people where a stage needs them.

    Raises:
        InputError, RunError, Stopped: see there; what was done stays, and the same call goes on.
    """
    named = list(paths_named(recipe))
    check_out(out, base, *([one.path for one in named if one.what == what] for what in ("model", "data")))
    with locked(out):
        paths = [path for stage in recipe.stages.values() for path in stage.paths if path not in recipe.stages]
        hashes = data_hashes([*paths, *_suite_paths(recipe.suites)], base)
        hashes |= file_hashes([file for stage in recipe.stages.values() for file in stage.files.values()], base)
        origin = _local(recipe.model, base)
        weights = sha256_of(Path(origin)) if Path(origin).is_dir() else origin
        write_manifest(out, recipe=recipe.model_dump(mode="json"), model=weights, data=hashes)
        models: dict[str | None, _Model] = {}
        models[None] = _base_model(recipe, origin, weights, hashes, base, out, screen)
        summary: Summary = {}
        for number, name in enumerate(in_order(recipe), start=1):
            if stop():
                raise Stopped(f"stopped before stage {name}; everything is saved")
            screen.title(f"[{number}/{len(recipe.stages)}] {name} ({recipe.stages[name].kind})")
            models[name], summary[name] = _run_stage(recipe, name, models, hashes, base, out, screen, stop, wait)
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


def _run_stage(
    recipe: Recipe,
    name: str,
    models: Mapping[str | None, _Model],
    hashes: Mapping[str, str],
    base: Path,
    out: Path,
    screen: Screen,
    stop: Callable[[], bool],
    wait: bool,
) -> tuple[_Model, dict[str, Figure]]:
    stage, folder = recipe.stages[name], out / "stages" / name
    origin = _origin(stage.model, models, base)
    others = {other.name: _origin(other.name, models, base) for other in stage.others}
    suites = suites_of(recipe, name)
    paths = [*stage.paths, *stage.files.values(), *_suite_paths(suites)]
    made = {other: _product(recipe, other, out) for other in made_by_stages(recipe, name)}
    fingerprint = hash_of(
        [
            stage.model_dump(mode="json"),
            recipe.seed,
            origin.fingerprint,
            [other.fingerprint for other in others.values()],
            {key: suite.model_dump(mode="json") for key, suite in suites.items()},
            [value for key, value in hashes.items() if _belongs(key, paths)],
            *([[sha256_of(path) for path in made.values()]] if made else []),
        ]
    )
    done = finished(folder, fingerprint)
    if done is not None:
        screen.note("done already, with the same inputs")
        figures = {key: Figure(**figure) for key, figure in done["figures"].items()}
    else:
        if (sentence := begin(folder, fingerprint)) is not None:
            screen.note(sentence)
        started = time.monotonic()
        paths_of = {other: model.path for other, model in others.items()}
        context = Context(name, folder, base, origin.path, recipe.seed, paths_of, suites, screen, stop, wait)
        ready = with_products(stage, made)
        figures = _guarded(lambda: KINDS[stage.kind].run(ready, context), stage, name)
        figures = _with_before(figures, origin.behaviour)
        write_json(
            folder / "stage.json",
            {
                "fingerprint": fingerprint,
                "seconds": round(time.monotonic() - started, 1),
                "figures": {key: asdict(figure) for key, figure in figures.items()},
            },
        )
    behaviour = {key: figures[key] for key in figures if key.split("/")[0] in suites}
    return _Model(str(folder / "model"), fingerprint, behaviour), figures


def with_products(stage: Stage, made: Mapping[str, Path]) -> Stage:
    """The stage, reading the files that earlier stages made where its data names them."""

    def found(sources: tuple[DataSource, ...]) -> tuple[DataSource, ...]:
        return tuple(s.model_copy(update={"path": str(made[s.path])}) if s.path in made else s for s in sources)

    if not made:
        return stage
    held = getattr(stage, "validation", None)
    more = {"validation": found(held)} if isinstance(held, tuple) else {}
    return stage.model_copy(update={"data": found(stage.data), **more})


def _product(recipe: Recipe, name: str, out: Path) -> Path:
    """The file of data that a stage left."""
    return (out / "stages" / name / str(KINDS[recipe.stages[name].kind].product)).resolve()


def _guarded(run: Callable[[], dict[str, Figure]], stage: Stage, name: str) -> dict[str, Figure]:
    """Name the stage in what goes wrong; say what helps when memory runs out."""
    import torch

    try:
        return run()
    except RunError as error:
        raise RunError(f"stage {name}, {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise RunError(f"stage {name}: out of memory. {_less_memory(stage)}; what is done already is kept") from error


def _less_memory(stage: Stage) -> str:
    if not isinstance(stage, TrainingStage):
        return "Lower rollout_rows, max_new_tokens or max_length"
    return "Lower row_tokens or max_length, set gradient_checkpointing: true, or train adapters (lora: {})"


def _origin(name: str | None, models: Mapping[str | None, _Model], base: Path) -> _Model:
    if name is None or name in models:
        return models[name]
    path = _local(name, base)
    return _Model(path, sha256_of(Path(path)) if Path(path).is_dir() else path, {})


def _local(model: str, base: Path) -> str:
    """A folder beside the recipe, or the hub id as it stands."""
    return str((base / model).resolve()) if (base / model).is_dir() else model


def _base_model(
    recipe: Recipe, path: str, weights: str, hashes: Mapping[str, str], base: Path, out: Path, screen: Screen
) -> _Model:
    """The recipe's model, its behaviour measured before any training."""
    writing = [s for s in recipe.stages.values() if isinstance(s, TrainingStage) and KINDS[s.kind].makes == "causal"]
    if not recipe.suites or not writing:
        return _Model(path, weights, {})
    from posttrain.policy.open import open_policy
    from posttrain.stages.behaviour import measure
    from posttrain.stages.reading import codec_for

    folder = out / "base"
    suites = {key: suite.model_dump(mode="json") for key, suite in recipe.suites.items()}
    begin(folder, hash_of([weights, suites, [hashes[k] for k in hashes if _belongs(k, _suite_paths(recipe.suites))]]))
    screen.title("before training")
    first = writing[0]
    context = Context("base", folder, base, path, recipe.seed, screen=Screen(quiet=True))
    codec = codec_for(first, context, trust_remote_code=first.trust_remote_code)
    policy = open_policy(path, first, train=False, on_note=screen.note)
    policy.end_tokens = tuple(sorted(codec.end_tokens))
    measured = measure(policy, codec, recipe.suites, base=base, folder=folder / "behaviour", screen=screen)
    return _Model(path, weights, {key: Figure(None, m.value, m.n, m.interval) for key, m in measured.items()})


def _with_before(figures: Mapping[str, Figure], behaviour: Mapping[str, Figure]) -> dict[str, Figure]:
    return {
        key: replace(figure, before=behaviour[key].after) if key in behaviour else figure
        for key, figure in figures.items()
    }


def _suite_paths(suites: Mapping[str, SuiteOptions]) -> list[str]:
    return [path for suite in suites.values() for path in suite.paths]


def _belongs(file: str, paths: list[str]) -> bool:
    return any(file == path or file.startswith(path.rstrip("/") + "/") for path in paths)
