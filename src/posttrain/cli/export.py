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
    shard_size: Annotated[str, typer.Option(help="The largest file of weights.")] = "5GB",
    trust_remote_code: Trust = False,
) -> None:
    """Write a model's folder that transformers, peft and vLLM load on any machine.

    It holds the weights in safetensors, the tokenizer with its chat template, the model card with the run's evidence,
    the base's licence files, and hashes of all files. Merged weights are loaded by transformers and compared with the
    model before the folder gets its name.
    """
    from posttrain.cli.export_work import export_named

    export_named(
        model, to, adapter=adapter, base=base, dtype=dtype, shard_size=shard_size, trust_remote_code=trust_remote_code
    )
