"""The check that no gold evaluation row is in the data of a stage that trains, or that makes data for training."""

from collections.abc import Set
from itertools import islice
from pathlib import Path

from posttrain.data.files.hub import SCHEME
from posttrain.data.files.read import read_rows
from posttrain.data.formats.examples import read_examples
from posttrain.data.gold import GOLD, read_gold, user_turn_hashes
from posttrain.errors import InputError
from posttrain.recipe.schema import Recipe, in_order
from posttrain.recipe.stages.base import StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage

SHOWN = 3
"""The number of rows that the error names."""


def check_gold_rows(recipe: Recipe, base: Path, *, hub: bool = True) -> None:
    """Refuse a recipe whose data holds gold rows. Data that its own stages make is checked before it is used.

    Args:
        base: the recipe's folder; without a gold file there, no data is read.
        hub: whether to read data sets of the hub, too.

    Raises:
        InputError: a row is gold; it is named.
    """
    for name in in_order(recipe):
        check_stage_data(recipe.stages[name], name, base, without=set(recipe.stages), hub=hub)


def check_stage_data(
    stage: StageOptions, name: str, base: Path, *, without: Set[str] = frozenset(), hub: bool = True
) -> None:
    """Refuse the data of one stage if it holds gold rows.

    Args:
        without: paths that are not read, such as the names of earlier stages.

    Raises:
        InputError: a row is gold; it is named.
    """
    gold = read_gold(base)
    if not gold or not isinstance(stage, TrainingStage | CandidatesStage):
        return
    kind = stage.rows if isinstance(stage, TrainingStage) else "prompt"
    found: dict[str, str] = {}
    for source in stage.data:
        if source.path in without or (not hub and source.path.startswith(SCHEME)):
            continue
        rows = islice(read_rows(source.path, base=base), source.rows)
        for example in read_examples(rows, kind, source.columns, task=source.task):
            place = next((gold[value] for value in user_turn_hashes(example) if value in gold), None)
            if place is not None:
                found.setdefault(example.where, place)
    if found:
        (where, place), *others = found.items()
        named = ", ".join(other for other, _ in others[:SHOWN])
        more = f" (other such rows: {len(others):,}; {named})" if others else ""
        raise InputError(
            f"stages.{name}.data: {where} has the prompt of the gold row {place}{more}. Gold rows only evaluate "
            f"and never train: drop these rows, or their lines in {base / GOLD}"
        )
