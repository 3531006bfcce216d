"""`posttrain chat`: talk with the models of a run in the terminal."""

from typing import Annotated

import typer

from posttrain.cli.serve import Context, Device, Models, Precision, Template, Trust

app = typer.Typer()


@app.command("chat", epilog="Example: posttrain chat runs/first --ask dpo --ask base")
def chat_command(
    models: Models,
    ask: Annotated[
        list[str],
        typer.Option(help="A model that answers at first; repeated: several at once. The last one if not given."),
    ] = [],  # noqa: B006
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    context: Context = None,
    template: Template = None,
    device: Device = "auto",
    precision: Precision = "auto",
    trust_remote_code: Trust = False,
) -> None:
    """Talk with one model, or with several at once. /help in the chat lists its commands.

    Messages are lines; without a terminal they are read from standard input.
    """
    from posttrain.cli.chat_work import chat_with

    place = {"device": device, "precision": precision, "trust_remote_code": trust_remote_code}
    chat_with(models, ask, system, context=context, template=template, place=place)
