"""`posttrain generate`: candidates to rank in one file, without a recipe."""

import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.files import read_json, sha256_of, write_json, write_whole
from posttrain.pipeline.earlier_results import Inputs, begin
from posttrain.pipeline.run_directory import data_hashes, locked
from posttrain.recipe.set_options import options_from_sets
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.stages.candidates import FILE, draw_candidates
from posttrain.stages.context import Context, Figure
from posttrain.stages.fits import short_of_memory


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

    The draws are kept in ``{out}.draws/`` until all are done: a second call goes on from there.

    Args:
        models: folders, hub ids, or name@url.
        given: keys of a `candidates` stage.
        sets: further keys, ``key=value``.
        stop: whether the user requested a stop.

    Raises:
        InputError: the file is there already, or a value is invalid.
    """
    if out.suffix != ".jsonl":
        raise InputError(f"--out {out}: rows are written as JSON lines; end the name in .jsonl")
    if out.exists():
        raise InputError(f"--out {out}: is there already, perhaps with people's ranks in it; choose another name")
    named = {"kind": "candidates", "models": [_model(model) for model in models], **given}
    stage = options_from_sets(CandidatesStage, sets, named)
    paths = {model: model for model in stage.starts_from}
    work = out.with_name(out.name + ".draws")
    with _kept_if_of_use(work), locked(work):
        content = {name: sha256_of(Path(path)) if Path(path).is_dir() else path for name, path in paths.items()}
        content |= data_hashes(list(stage.paths), Path())
        inputs = Inputs({"candidates": stage.model_dump(mode="json"), "seed": seed}, content)
        if (aside := begin(work / "stage", inputs)) is not None:
            screen.note(f"the settings changed since the last call, so it starts over; the earlier draws: {aside}/")
        context = Context("candidates", work / "stage", Path(), models[0], seed, paths, screen=screen, stop=stop)
        if (short := short_of_memory(stage, context)) is not None:
            raise InputError(short)
        figures = draw_candidates(stage, context)
        write_json(out.with_suffix(".params.json"), read_json(work / "stage/params.json"))
        write_whole(out, (work / "stage" / FILE).read_text(encoding="utf-8"))
    shutil.rmtree(work)
    return figures


@contextmanager
def _kept_if_of_use(work: Path) -> Generator[None]:
    """Clears away the folder of draws if it ends before there is any."""
    try:
        yield
    except BaseException:
        if not (work / "stage/draws").is_dir() and not [*work.glob("stage.previous-*")]:
            shutil.rmtree(work, ignore_errors=True)
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
