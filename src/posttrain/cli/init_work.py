"""The work of `posttrain init --to`: this module imports torch."""

import sys
from itertools import chain
from pathlib import Path

import typer

from posttrain.audit.rows.convention import parse_columns
from posttrain.cli.init_print import columns_in_words
from posttrain.console import Screen, printable_text
from posttrain.errors import InputError
from posttrain.init.folder import InitPlan, check_new, plan_folder, write_folder
from posttrain.init.source import WrittenRow
from posttrain.recipe.starter import kinds_of_starters

_SHOWN = 3
"""Number of test rows that are shown."""

_CELL = 120
"""Number of characters of a value that are shown."""


def write_and_show(
    kind: str | None, data: str, to: Path, *, model: str | None, columns: str, test: int | None, seed: int, yes: bool
) -> None:
    """Show what is read from the data, write the folder, and name the next commands.

    Args:
        yes: write without a question. Without a terminal there is no question either.
    """
    if kind is None:
        raise InputError(f"init: {kinds_of_starters()}")
    check_new(to)
    plan = plan_folder(kind, data, to, model=model, columns=parse_columns(columns), test=test, seed=seed)
    _show(plan)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if at_terminal and not yes and not typer.confirm(f"Write these rows and a recipe to {to}?", default=True, err=True):
        raise InputError("nothing was written; --columns names the columns, and --test the number of test rows")
    names = write_folder(plan, to)
    recipe = to / "recipe.yaml"
    typer.echo(f"{to}: {', '.join(names)}")
    typer.echo(f"Next: posttrain plan {recipe}; posttrain run {recipe}")


def _show(plan: InitPlan) -> None:
    screen, source = Screen(), plan.source
    how = "guessed from their names: " if source.guessed else ""
    columns = columns_in_words(source.columns) or "standard names"
    screen.note(printable_text(f"{source.path}: {source.convention}; columns: {how}{columns}"))
    screen.table("Rows of the test", _table(plan.rows_to_test[:_SHOWN]))
    screen.note(f"{plan.training_rows:,} rows to train on, {len(plan.rows_to_test):,} to test; no prompt is in both")
    if plan.dropped:
        screen.note(
            f"{plan.dropped:,} rows are in neither file: their prompt is in the test, and they are marked as bad"
        )
    for sentence in plan.left_out:
        screen.note(printable_text(sentence))
    screen.note(printable_text(f"suite {plan.suite.draft.name}: {plan.suite.draft.what}"))


def _table(rows: list[WrittenRow]) -> list[list[str]]:
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    return [names, *([_start_of(row.get(name, "")) for name in names] for row in rows)]


def _start_of(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"
