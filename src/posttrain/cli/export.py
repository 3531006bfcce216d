"""`posttrain export`: a model as a folder for other machines."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from posttrain.cli.serve import Trust

app = typer.Typer()


@app.command("export", epilog="Example: posttrain export runs/first:dpo --to dpo-merged --dtype bfloat16")
def export_command(
    model: Annotated[
        str, typer.Argument(help="RUN:STAGE, a model's or adapter's folder, or a hub id.", show_default=False)
    ],
    to: Annotated[Path, typer.Option(help="The folder to write; it must not exist.", show_default=False)],
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Keep an adapter as it is; without this flag it is merged into its base.")
    ] = False,
    base: Annotated[
        str | None, typer.Option(help="With --adapter: the base's name for the reader, a hub id or a folder there.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="Of merged weights; that of the base if not given.", show_default=False),
    ] = None,
    shard_size: Annotated[
        str | None, typer.Option(help="The largest file of weights; 5GB if not given.", show_default=False)
    ] = None,
    gguf: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"] | None,
        typer.Option(help="Write one GGUF file, for llama.cpp and Ollama, with weights of this type."),
    ] = None,
    push: Annotated[
        str | None, typer.Option(help="Then upload the folder to this repository of the hub, org/name; a private one.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="With --push: everybody may see the repository.")] = False,
    trust_remote_code: Trust = False,
) -> None:
    """Write a model's folder that transformers, peft and vLLM load on any machine.

    It holds the weights in safetensors or GGUF, the tokenizer with its chat template, the model card with the run's
    evidence, the base's licence files, and hashes of all files. Merged weights are loaded by transformers and compared
    with the model before the folder gets its name. Only --push uploads anything.
    """
    from posttrain.cli.export_work import ExportFlags, export_named

    flags = ExportFlags(adapter, base, dtype, shard_size, gguf, push, public, trust_remote_code)
    export_named(model, to, flags)
