"""The work of `posttrain export`: find the model and its run, write the folder, say what is in it, upload it."""

from dataclasses import dataclass
from pathlib import Path

import typer

from posttrain.console import Screen, format_bytes
from posttrain.errors import InputError
from posttrain.export.folder import dtype_in, export_folder, files_of
from posttrain.export.gguf import gguf_name
from posttrain.export.merged import scores
from posttrain.export.options import DType, Export, GgufType
from posttrain.export.push import check_push, push_folder
from posttrain.pipeline.run_models import model_place
from posttrain.policy.lora.folder import adapter_in
from posttrain.report.card import model_card
from posttrain.report.record import read_run


@dataclass(frozen=True, slots=True)
class ExportFlags:
    """The flags of the command, as `posttrain export --help` describes them."""

    adapter: bool
    base: str | None
    dtype: DType | None
    shard_size: str | None
    gguf: GgufType | None
    push: str | None
    public: bool
    trust_remote_code: bool


def export_named(name: str, to: Path, flags: ExportFlags) -> None:
    """Write the folder of a model by its name, and upload it if a repository is named; see `model_place`.

    Raises:
        InputError: there is no such model, flags do not go together, or the hub refuses the upload.
    """
    _check(flags)
    place, screen = model_place(name), Screen()
    if flags.push is not None:
        check_push(flags.push, public=flags.public)
    screen.note(f"writing {to} from {place}")
    run = _run_of(place)
    file = None if flags.gguf is None else gguf_name(to.name, flags.gguf)
    rewritten = not flags.adapter and (adapter_in(place) is not None or file is not None)
    card = _merged_card(run, place, file) if run is not None and rewritten else None
    start = () if run is None else (model_place(f"{run}:base"),)
    size = flags.shard_size or "5GB"
    export = Export(
        flags.adapter,
        flags.gguf,
        flags.dtype,
        size,
        flags.base,
        flags.trust_remote_code,
        card=card,
        licences_from=start,
    )
    export_folder(place, to, export, screen.note)
    for written, bytes_ in files_of(to):
        typer.echo(f"{format_bytes(bytes_):>10}  {written}")
    typer.echo(f"{to}: {_described(place, to, flags)}")
    if flags.push is not None:
        typer.echo(f"uploaded to {push_folder(to, flags.push, public=flags.public)}")


def _check(flags: ExportFlags) -> None:
    if flags.adapter and flags.gguf is not None:
        raise InputError("--gguf: the file holds merged weights; leave --gguf or --adapter out")
    if flags.adapter and flags.dtype is not None:
        raise InputError("--dtype: an adapter stays in float32; leave --dtype or --adapter out")
    if flags.gguf is not None and flags.dtype is not None:
        raise InputError(f"--dtype: --gguf {flags.gguf} names the type of the weights; leave --dtype out")
    if flags.gguf is not None and flags.shard_size is not None:
        raise InputError("--shard-size: --gguf writes one file; leave --shard-size out")
    if flags.base is not None and not flags.adapter:
        raise InputError("--base: names the base of an adapter; add --adapter")
    if flags.public and flags.push is None:
        raise InputError("--public: nothing is uploaded without --push org/name; add it, or leave --public out")


def _described(place: str, to: Path, flags: ExportFlags) -> str:
    if flags.adapter:
        return "an adapter"
    if flags.gguf is not None:
        file = to / gguf_name(to.name, flags.gguf)
        return f"a GGUF file in {flags.gguf}; to serve it: llama-server -m {file}"
    if scores(place, trust_remote_code=flags.trust_remote_code):
        return f"a reward model in {dtype_in(to)}"
    return f"a model in {dtype_in(to)}; to serve it: vllm serve {to}"


def _run_of(place: str) -> Path | None:
    """The run whose stage left a model; None for other models."""
    folder = Path(place).resolve()
    if not folder.is_dir() or folder.parts[-3:-2] != ("stages",):
        return None
    run = folder.parents[2]
    return run if (run / "manifest.json").is_file() else None


def _merged_card(run: Path, place: str, gguf_file: str | None) -> str | None:
    """The card of a stage's merged model, with the evidence of its run."""
    record, stage = read_run(run), Path(place).resolve().parent.name
    cards = (model_card(record, one, merged=True, gguf_file=gguf_file) for one in record.stages if one.name == stage)
    return next(cards, None)
