"""`posttrain generate`: a recipe of one `candidates` stage, whose result becomes one file."""

import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.files import read_json, write_json, write_whole
from posttrain.pipeline.run import run_recipe
from posttrain.recipe.schema import Recipe
from posttrain.recipe.set_options import options_from_sets
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.stages.context import Figure

STAGE = "candidates"
"""The name of the stage in the recipe."""


def generate_file(
    models: Sequence[str],
    given: Mapping[str, Any],
    sets: Sequence[str],
    out: Path,
    seed: int,
    screen: Screen,
    stop: Callable[[], bool],
) -> dict[str, Figure]:
    """Write candidates to `out`, and the settings behind each ``params_hash`` beside it.

    The run directory ``{out}.draws/`` is kept until all candidates are there: a second call resumes that run.

    Args:
        models: folders, hub ids, or name@url.
        given: keys of a `candidates` stage.
        sets: further keys, ``key=value``.
        stop: whether the user requested a stop.

    Raises:
        InputError: the file exists already, or a value is invalid.
    """
    if out.suffix != ".jsonl":
        raise InputError(f"--out {out}: rows are written as JSON lines; end the name in .jsonl")
    if out.exists():
        raise InputError(f"--out {out}: is there already, perhaps with people's ranks in it; choose another name")
    options = {"kind": STAGE, "models": [_model(model) for model in models], **given}
    stage = options_from_sets(CandidatesStage, sets, options)
    recipe = Recipe(model=models[0], seed=seed, stages={STAGE: stage})
    run = out.with_name(out.name + ".draws")
    result = run / "stages" / STAGE
    with _kept_if_drawn(run, result):
        summary = run_recipe(recipe, base=Path(), out=run, screen=screen, stop=stop)
        write_json(out.with_suffix(".params.json"), read_json(result / "params.json"))
        write_whole(out, (result / str(CandidatesStage.product)).read_text(encoding="utf-8"))
    shutil.rmtree(run)
    return summary[STAGE]


@contextmanager
def _kept_if_drawn(run: Path, result: Path) -> Generator[None]:
    """Delete the run directory if the run fails before the first draw."""
    try:
        yield
    except BaseException:
        if not (result / "draws").is_dir() and not [*result.parent.glob(f"{STAGE}.previous-*")]:
            shutil.rmtree(run, ignore_errors=True)
        raise


def _model(text: str) -> Any:
    """A folder or hub id is kept unchanged; name@http://host/v1 is a server's model."""
    match = re.fullmatch(r"(.+)@(https?://.*)", text)
    if match is None:
        if not Path(text).is_dir() and "/" not in text:
            raise InputError(
                f"{text}: no such model folder; a hub id is org/name, a server's model name@http://host/v1"
            )
        return text
    return {"url": match[2], "model": match[1]}
