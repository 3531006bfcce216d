"""`posttrain advise`: which technique fits the data, before anything is trained."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import Against, AsJson, Columns

app = typer.Typer()


@app.command(epilog="Example: posttrain advise --data notes.csv --people 2 --strict --out recipe.yaml")
def advise(
    data: Annotated[
        list[str], typer.Option("--data", help="What there is: a file, a folder or hf://org/name; repeatable.")
    ] = [],  # noqa: B006
    goal: Annotated[str, typer.Option(help="What it is for, in a sentence; some words answer questions.")] = "",
    model: Annotated[
        str | None, typer.Option(help="Folder or hub id to start from; a small Qwen2.5 if not given.")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="one, or many kinds of task for one assistant.")] = None,
    checkable: Annotated[
        bool | None, typer.Option("--checkable/--not-checkable", help="Can a program check an answer?")
    ] = None,
    reward: Annotated[
        str | None, typer.Option(help="Which reward checks it: math, match, json_fields, json or code.")
    ] = None,
    success: Annotated[float | None, typer.Option(help="Share of right answers before training, 0 to 1.")] = None,
    people: Annotated[int | None, typer.Option(help="How many people can rank answers; 0 for nobody.")] = None,
    strict: Annotated[
        bool | None, typer.Option("--strict/--not-strict", help="Must tone, refusals, safety hold strictly?")
    ] = None,
    preferences: Annotated[
        str | None, typer.Option(help="broad: nuanced judgement on many kinds of prompt; or narrow.")
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    out: Annotated[Path, typer.Option(help="The recipe to write.")] = Path("recipe.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a recipe that is there already.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the table of rules, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Which technique, SFT, IFT, RLHF, DPO, GRPO or a stack of them: from your data, your machine and a few answers."""
    if explain:
        from posttrain.advise.show import explain as show_rules

        show_rules(to_json=as_json)
        return
    from posttrain.advise.command import advise_command

    said = {"checkable": checkable, "reward": reward, "people": people, "strict": strict}
    said |= {"tasks": tasks, "preferences": preferences, "success": success}
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    ask: Callable[[str], str] = lambda text: typer.prompt(text, default="", show_default=False)  # noqa: E731
    advise_command(
        data,
        said,
        goal=goal,
        model=model,
        against=against,
        columns=columns,
        out=out,
        force=force,
        to_json=as_json,
        ask=ask if on_terminal else None,
    )
