"""The work of `posttrain export`: find the model and its run, write the folder, say what is in it."""

from pathlib import Path

import typer

from posttrain.console import Screen, format_bytes
from posttrain.errors import InputError
from posttrain.export.folder import DType, Export, dtype_in, export_folder, files_of, scores
from posttrain.pipeline.run_models import model_place
from posttrain.policy.lora.folder import adapter_in
from posttrain.report.card import model_card
from posttrain.report.record import read_run


def export_named(
    name: str,
    to: Path,
    *,
    adapter: bool,
    base: str | None,
    dtype: DType | None,
    shard_size: str,
    trust_remote_code: bool,
) -> None:
    """Write the folder of a model by its name; see `model_place`.

    Raises:
        InputError: there is no such model, or flags do not go together.
    """
    if adapter and dtype is not None:
        raise InputError("--dtype: an adapter stays in float32; leave --dtype or --adapter out")
    if base is not None and not adapter:
        raise InputError("--base: names the base of an adapter; add --adapter")
    place, screen = model_place(name), Screen()
    screen.note(f"writing {to} from {place}")
    run = _run_of(place)
    card = None if run is None or adapter or adapter_in(place) is None else _merged_card(run, place)
    start = () if run is None else (Path(model_place(f"{run}:base")),)
    export = Export(adapter, dtype, shard_size, base, trust_remote_code, card, start)
    export_folder(place, to, export, screen.note)
    for file, size in files_of(to):
        typer.echo(f"{format_bytes(size):>10}  {file}")
    if adapter:
        typer.echo(f"{to}: an adapter")
    elif scores(place, trust_remote_code=trust_remote_code):
        typer.echo(f"{to}: a reward model in {dtype_in(to)}")
    else:
        typer.echo(f"{to}: a model in {dtype_in(to)}; to serve it: vllm serve {to}")


def _run_of(place: str) -> Path | None:
    """The run whose stage left a model; None for other models."""
    folder = Path(place).resolve()
    if not folder.is_dir() or folder.parts[-3:-2] != ("stages",):
        return None
    run = folder.parents[2]
    return run if (run / "manifest.json").is_file() else None


def _merged_card(run: Path, place: str) -> str | None:
    """The card of a stage's merged model, with the evidence of its run."""
    record, stage = read_run(run), Path(place).resolve().parent.name
    return next((model_card(record, one, merged=True) for one in record.stages if one.name == stage), None)
