"""The work of `posttrain advise`, apart from its options: this module imports torch."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from posttrain.advise.advice import advise
from posttrain.advise.answers import answers_from_options
from posttrain.audit.rows.convention import parse_columns
from posttrain.cli.show_advice import advice_values, show_advice
from posttrain.cli.show_rules import rules_values, show_rules
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.files import write_whole


def advise_and_show(
    data: Sequence[str],
    options: Mapping[str, Any],
    *,
    goal: str,
    model: str | None,
    teacher: str | None,
    against: Sequence[str],
    columns: str,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Advise on files, write the recipe, and show the advice.

    Args:
        options: the answers that the command's options give.
    """
    _check_recipe_path(out, force)
    advice = advise(
        data,
        answers_from_options(options),
        goal=goal,
        model=model,
        teacher=teacher,
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


def print_rules(*, as_json: bool) -> None:
    """Print the table of rules."""
    if as_json:
        _print_json(rules_values())
    else:
        show_rules()


def _print_json(values: object) -> None:
    typer.echo(json.dumps(values, indent=2, ensure_ascii=False))
