"""The folder of a first recipe: what it will hold is planned and shown first, and then written as a whole."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import yaml

from posttrain.advise.draft import answer_limit, recipe_path
from posttrain.advise.start_model import describe_model
from posttrain.data.example import Example
from posttrain.data.skipped import Skips
from posttrain.errors import InputError
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.files import whole_file, whole_folder, write_whole
from posttrain.init.held_out import held_out_place, held_out_rows, held_out_size, in_test_order, survey
from posttrain.init.recipe_text import PROMPTS, TEST, TRAIN, first_recipe
from posttrain.init.source import InitSource, WrittenRow, answer_length, bare_prompt, init_source, question_row
from posttrain.init.suite import InitSuite, answer_suite, plain_text_suite, preference_suite
from posttrain.recipe.load import load_recipe
from posttrain.recipe.stages.base import TrainingStage
from posttrain.recipe.stages.registry import STAGES
from posttrain.recipe.starter import reader_of_starter, rows_of_starter, starter


@dataclass(frozen=True, slots=True)
class InitPlan:
    """What a folder will hold.

    Args:
        source: the file and how it is read.
        seed: of the split.
        suite: the suite of the recipe.
        test: place of each held-out prompt → its test rows.
        training_rows: the number of rows to train on.
        dropped: the number of rows whose prompt is held out, and that are no test rows.
        left_out: a sentence on each reason why rows cannot be trained on.
        recipe: the text of the recipe.
        prompts: whether the training prompts are also written by themselves.
    """

    source: InitSource
    seed: int
    suite: InitSuite
    test: Mapping[int, Sequence[WrittenRow]]
    training_rows: int
    dropped: int
    left_out: Sequence[str]
    recipe: str
    prompts: bool

    @property
    def rows_to_test(self) -> list[WrittenRow]:
        """The rows of the test."""
        return [row for rows in self.test.values() for row in rows]


def plan_folder(
    kind: str, data: str, to: Path, *, model: str | None, columns: Mapping[str, str], test: int | None, seed: int
) -> InitPlan:
    """Read the rows, divide them, and choose the suite. Nothing is written.

    Args:
        columns: the columns that the user names; if there are none, they are guessed.
        test: the number of test rows; None for a tenth of the rows, within bounds.

    Raises:
        InputError: the kind has no data to divide, the file cannot be read, its columns are unclear, or it has too few
            rows.
    """
    _check_kind(kind)
    source = init_source(data, rows_of_starter(kind), columns)
    scored = STAGES[reader_of_starter(kind)].makes == "score"
    whole = scored or source.convention == "text"
    skips = Skips()
    counted = survey(source.examples(skips), seed, lambda example: whole or question_row(example) is not None)
    usable = counted.usable.total()
    if usable == 0:
        raise InputError(
            f"{data}: no row has an answer with words and without calls of tools, so no test can be made of them"
        )
    size = held_out_size(usable, test, data)
    name = model or str(yaml.safe_load(starter(kind))["model"])
    first = [row for example in counted.first if (row := question_row(example)) is not None]
    start = describe_model(name, tuple(json.dumps(row, ensure_ascii=False) for row in first[:50]))
    if scored:
        suite = preference_suite(source)
    elif whole:
        suite = plain_text_suite(start.positions)
    else:
        suite = answer_suite(source, counted.first)
    held_out = _held_out(source, suite, in_test_order(counted.usable, size), size, seed)
    chosen = sum(counted.rows[place] for place in held_out)
    tested = sum(map(len, held_out.values()))
    left = counted.rows.total() - chosen
    if not tested or not left:
        raise InputError(
            f"{data}: its rows have too few different prompts to divide them; the same prompt stays together"
        )
    recipe = first_recipe(
        kind,
        reader=reader_of_starter(kind),
        model=recipe_path(name, to) if Path(name).is_dir() else name,
        start=start,
        suite=suite.draft,
        rewards={"right": dict(suite.reward)} if suite.reward is not None and kind == "grpo" else None,
        max_new_tokens=answer_limit(fmean(map(answer_length, counted.first)), start),
        head=[
            f"Written by `posttrain init` from {data}: {left:,} rows to train on, {tested:,} to test.",
            "No prompt is in both files.",
        ],
    )
    return InitPlan(source, seed, suite, held_out, left, chosen - tested, skips.lines(), recipe, kind == "ppo")


def write_folder(plan: InitPlan, to: Path) -> list[str]:
    """Write the recipe and its rows; either all files are there, or none.

    Returns:
        the names of the files.

    Raises:
        InputError: the folder exists or cannot be written.
    """
    check_new(to)
    with whole_folder(to) as folder:
        write_whole(folder / "recipe.yaml", plan.recipe)
        _write_rows(folder / TRAIN, (plan.source.training_row(example) for example in _to_train_on(plan)))
        _write_rows(folder / TEST, plan.rows_to_test)
        if plan.prompts:
            _write_rows(folder / PROMPTS, _different(bare_prompt(example) for example in _to_train_on(plan)))
        for suite in load_recipe(folder / "recipe.yaml").suites.values():
            suite_kind(suite).read(suite, folder)
        return sorted(path.name for path in folder.iterdir())


def check_new(to: Path) -> None:
    """Refuse a folder that exists, since nothing is written over.

    Raises:
        InputError: it exists.
    """
    if to.exists() or to.is_symlink():
        raise InputError(f"--to: {to} exists already, and nothing is written over; name another folder")


def _check_kind(kind: str) -> None:
    """Check that the first data file of a kind of recipe can be divided into training and test."""
    starter(kind)  # raises for an unknown kind
    divisible = [name for name, options in STAGES.items() if issubclass(options, TrainingStage)]
    if kind not in divisible:
        raise InputError(
            f"--to: a recipe of kind {kind} has no training rows to divide; leave out --to, or choose one of "
            f"{', '.join(divisible)}"
        )


def _held_out(
    source: InitSource, suite: InitSuite, places: Sequence[int], size: int, seed: int
) -> Mapping[int, Sequence[WrittenRow]]:
    """The test rows: those of the first prompts in the order of the test whose rows the suite can read."""
    possible: dict[int, list[WrittenRow | None]] = defaultdict(list)
    wanted = set(places)
    for example in source.examples(Skips()):
        place = held_out_place(example, seed)
        if place in wanted and example.columns.get("label") != (0.0,):
            possible[place].append(suite.row(example))
    return held_out_rows(possible, places, size)


def _to_train_on(plan: InitPlan) -> Iterator[Example]:
    return (e for e in plan.source.examples(Skips()) if held_out_place(e, plan.seed) not in plan.test)


def _different(rows: Iterable[WrittenRow]) -> Iterator[WrittenRow]:
    seen: set[str] = set()
    for row in rows:
        key = json.dumps(row, sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield row


def _write_rows(path: Path, rows: Iterable[WrittenRow]) -> None:
    with whole_file(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
