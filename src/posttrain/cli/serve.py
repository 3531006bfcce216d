"""`posttrain serve`: an OpenAI-compatible server for the models of a run."""

from typing import Annotated

import typer

app = typer.Typer()

Models = Annotated[
    list[str],
    typer.Argument(
        help="A run's folder (all its models that answer, and the start model), RUN:STAGE, a model folder or a hub id.",
        show_default=False,
    ),
]


Context = Annotated[
    int | None,
    typer.Option(min=2, help="Tokens of a prompt with its answer; the model's positions, at most 4096, if not given."),
]
Template = Annotated[
    str | None, typer.Option(help="Chat template: plain, chatml or a Jinja file; the model's own if not given.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Trust = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run code that comes with a model; only if you trust its author.")
]


@app.command("serve", epilog="Example: posttrain serve runs/first:dpo --port 8000")
def serve_command(
    models: Models,
    host: Annotated[
        str, typer.Option(help="The address to listen on; one that others reach needs POSTTRAIN_SERVE_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    rows: Annotated[int, typer.Option(min=1, help="Answers of one model that are generated at once.")] = 16,
    context: Context = None,
    template: Template = None,
    device: Device = "auto",
    precision: Precision = "auto",
    trust_remote_code: Trust = False,
) -> None:
    """Serve models over OpenAI's API: chats, completions, streams, log-probs and answers that are JSON of a schema.

    The server is for one machine: to try stages and to compare them. For production loads, serve a stage's folder
    with vLLM.
    """
    from posttrain.cli.serve_work import serve_named

    place = {"device": device, "precision": precision, "trust_remote_code": trust_remote_code}
    serve_named(models, host, port, rows=rows, context=context, template=template, place=place)
