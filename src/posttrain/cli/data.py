"""`posttrain audit`, `clean` and `advise`: what to know before anything is trained."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import AsJson, Overrides
from posttrain.errors import InputError

app = typer.Typer()

Against = Annotated[
    list[str], typer.Option("--against", help="Evaluation data that must not stand among the rows; repeatable.")
]
Columns = Annotated[
    str, typer.Option(help="Columns called otherwise: prompt=question,completion=answer.", show_default=False)
]


@app.command(epilog="Example: posttrain audit train.jsonl --against test.jsonl")
def audit(
    data: Annotated[list[str], typer.Argument(help="Files, folders or hf://org/name.", show_default=False)] = [],  # noqa: B006
    recipe: Annotated[
        Path | None, typer.Option(help="Count also what its run would cut or drop; its own data if none is given.")
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    waive: Annotated[
        list[str], typer.Option("--waive", help="A blocking finding to let pass, by name; repeatable.")
    ] = [],  # noqa: B006
    presidio: Annotated[
        str | None, typer.Option(help="Look for names and identifiers with Presidio too: a spaCy model, or blank.")
    ] = None,
    set_: Overrides = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="Folder for findings.json and report.html; audit/FILE or audit/RECIPE if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at data before anything is trained on it. Exit code 2 if a finding blocks."""
    from posttrain.console import Screen

    screen = Screen(quiet=as_json)
    if recipe is not None:
        from posttrain.pipeline.audit import audit_recipe
        from posttrain.recipe.schema import load_recipe

        checked = load_recipe(recipe, set_)
        folder = out or Path("audit") / recipe.stem
        audit_recipe(checked, recipe.parent, data, against, waive, folder, screen, presidio=presidio, to_json=as_json)
        return
    if set_:
        raise InputError("--set changes a recipe; name it with --recipe")
    from posttrain.audit.command import audit_files

    audit_files(data, against, columns, waive, out, screen, presidio=presidio, to_json=as_json)


@app.command(epilog="Example: posttrain clean train.jsonl --out train.clean.jsonl --keep exact-duplicate")
def clean(
    data: Annotated[str, typer.Argument(help="A file, a folder or hf://org/name.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl; a log is written beside it.")],
    columns: Columns = "",
    keep: Annotated[
        list[str], typer.Option("--keep", help="A finding whose rows stay as they are, by name; repeatable.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Apply the safe fixes of an audit to a copy, and log each, row by row. The original is never touched."""
    from posttrain.audit.command import clean_file
    from posttrain.console import Screen

    clean_file(data, columns, keep, out, Screen(quiet=as_json), to_json=as_json)


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
