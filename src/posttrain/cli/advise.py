"""`posttrain advise`: which technique to use, with reasons, costs and a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import Against, AsJson, Columns

app = typer.Typer()


def _work():
    """The module that does the work; its imports are heavy, and `--help` does not need them."""
    from posttrain.cli import advise_work

    return advise_work


@app.command("advise", epilog="Example: posttrain advise --data notes.csv --people 2 --strict --out recipe.yaml")
def advise_command(
    data: Annotated[
        list[str], typer.Option("--data", help="Your data: a file, a folder or hf://org/name; repeatable.")
    ] = [],  # noqa: B006
    goal: Annotated[str, typer.Option(help="The goal in a sentence; some of its words answer questions.")] = "",
    model: Annotated[
        str | None, typer.Option(help="Folder or hub id to start from; a small Qwen2.5 if not given.")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="A larger model that answers well: folder, hub id or NAME@URL of a server.")
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
        bool | None, typer.Option("--strict/--not-strict", help="Must tone, refusals, safety meet a strict standard?")
    ] = None,
    preferences: Annotated[
        str | None, typer.Option(help="broad: nuanced judgement on many kinds of prompt; or narrow.")
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    out: Annotated[Path, typer.Option(help="The recipe to write.")] = Path("recipe.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace an existing recipe.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Print the table of rules, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Advise SFT, IFT, RLHF, DPO, KTO, GRPO or a stack of them, from your data, your machine and a few answers."""
    if explain:
        _work().print_rules(as_json=as_json)
        return
    options = {"checkable": checkable, "reward": reward, "people": people, "strict": strict}
    options |= {"tasks": tasks, "preferences": preferences, "success": success}
    _work().advise_and_show(
        data,
        options,
        goal=goal,
        model=model,
        teacher=teacher,
        against=against,
        columns=columns,
        out=out,
        force=force,
        as_json=as_json,
    )
