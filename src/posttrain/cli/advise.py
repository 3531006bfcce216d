"""`posttrain advise`: which technique to use, with reasons, costs and a recipe."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from posttrain.cli.options import Against, AsJson, Columns
from posttrain.errors import InputError

app = typer.Typer()


@app.command("advise", epilog="Example: posttrain advise --data notes.csv --people 2 --strict --out recipe.yaml")
def advise_command(
    data: Annotated[
        list[str], typer.Option("--data", help="Your data: a file, a folder or hf://org/name; repeatable.")
    ] = [],  # noqa: B006
    goal: Annotated[str, typer.Option(help="The goal in a sentence; some of its words answer questions.")] = "",
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
    """Advise SFT, IFT, RLHF, DPO, GRPO or a stack of them, from your data, your machine and a few answers."""
    if explain:
        _print_rules(as_json=as_json)
        return
    _check_recipe_path(out, force)
    from posttrain.advise.advice import advise
    from posttrain.advise.answers import answers_from_options
    from posttrain.audit.command import parse_columns
    from posttrain.cli.show_advice import advice_values, show_advice
    from posttrain.console import Screen
    from posttrain.files import write_whole

    options = {"checkable": checkable, "reward": reward, "people": people, "strict": strict}
    options |= {"tasks": tasks, "preferences": preferences, "success": success}
    advice = advise(
        data,
        answers_from_options(options),
        goal=goal,
        model=model,
        against=against,
        columns=parse_columns(columns),
        folder=out.parent,
        screen=Screen(quiet=as_json),
        ask=None if as_json else _ask_at_terminal(),
    )
    if advice.recipe is not None:
        write_whole(out, advice.recipe)
    _print_json(advice_values(advice, out)) if as_json else show_advice(advice, out)


def _check_recipe_path(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise InputError(f"{out} exists already; --force replaces it, --out names another file")
    if out.suffix not in {".yaml", ".yml"}:
        raise InputError(f"--out: {out} is no recipe; name a .yaml file")


def _ask_at_terminal() -> Callable[[str], str] | None:
    """A function that asks the user at the terminal; None without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return lambda text: typer.prompt(text, default="", show_default=False)


def _print_rules(*, as_json: bool) -> None:
    from posttrain.cli.show_rules import rules_values, show_rules

    if as_json:
        _print_json(rules_values())
    else:
        show_rules()


def _print_json(values: object) -> None:
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
