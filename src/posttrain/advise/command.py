"""`posttrain advise`: the advice is made and shown, and its recipe is written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.advise.advice import advise
from posttrain.advise.answers import answers_of
from posttrain.advise.show import print_json, show
from posttrain.audit.rows.convention import parse_columns
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.files import write_whole


def advise_command(
    data: Sequence[str],
    said: Mapping[str, Any],
    *,
    goal: str,
    model: str | None,
    against: Sequence[str],
    columns: str,
    out: Path,
    force: bool,
    to_json: bool,
    ask: Callable[[str], str] | None,
) -> None:
    """Advise, write the recipe, and show both.

    Args:
        said: answers by name, as options give them.

    Raises:
        InputError: see `advise`; or the recipe's file is there already.
    """
    if out.exists() and not force:
        raise InputError(f"{out} is there already; --force replaces it, --out names another")
    if out.suffix not in {".yaml", ".yml"}:
        raise InputError(f"--out: {out} is no recipe; name a .yaml file")
    advice = advise(
        data,
        answers_of(said),
        goal=goal,
        model=model,
        against=against,
        columns=parse_columns(columns),
        folder=out.parent,
        screen=Screen(quiet=to_json),
        ask=ask,
    )
    if advice.recipe is not None:
        write_whole(out, advice.recipe)
    (print_json if to_json else show)(advice, out)
