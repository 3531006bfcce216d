"""The prompts that are held out for the test: whole prompts, in an order that follows from the seed."""

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from posttrain.data.example import Example
from posttrain.data.sets.split import place_of
from posttrain.errors import InputError
from posttrain.init.source import WrittenRow

SHARE, FEWEST, MOST = 0.1, 20, 500
"""The test's share of the rows, and its bounds in rows."""

SAMPLE = 2000
"""Number of first examples from which the suite is chosen."""


@dataclass(slots=True)
class Survey:
    """A first pass over the examples of a file.

    Args:
        rows: place of a prompt → the number of its examples.
        usable: place of a prompt → the number of its examples that can be rows of the test.
        first: the first examples that can be rows of the test.
    """

    rows: Counter[int] = field(default_factory=Counter[int])
    usable: Counter[int] = field(default_factory=Counter[int])
    first: list[Example] = field(default_factory=list[Example])


def survey(examples: Iterable[Example], seed: int, usable: Callable[[Example], bool]) -> Survey:
    """Count the examples by prompt, and keep the first ones.

    Args:
        usable: whether an example can be a row of the test.
    """
    result = Survey()
    for example in examples:
        place = held_out_place(example, seed)
        result.rows[place] += 1
        if usable(example):
            result.usable[place] += 1
            if len(result.first) < SAMPLE:
                result.first.append(example)
    return result


def held_out_place(example: Example, seed: int) -> int:
    """The place of the example's prompt in the order in which prompts are held out.

    It differs from the order of `validation` in a recipe: else no prompt would be left for that. Conversations that
    begin alike have one place, since the answers of one may be in the prompt of another.
    """
    return place_of(f"test {_opening_key(example)}", seed)


def _opening_key(example: Example) -> str:
    """The key that is equal for examples whose messages before the first answer differ in case and blanks alone."""
    turns = list(takewhile(lambda turn: turn["role"] != "assistant", example.prompt)) or example.completions[0]
    return json.dumps([(turn["role"], _normalised(turn["content"])) for turn in turns])


def _normalised(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def held_out_size(rows: int, wanted: int | None, path: str) -> int:
    """The number of rows to hold out: a tenth, within 20 and 500, unless the user names a number.

    Args:
        rows: the number of rows that can be held out.

    Raises:
        InputError: there are too few rows.
    """
    if wanted is None and rows < 2 * FEWEST:
        raise InputError(
            f"{path}: {rows} {'row' if rows == 1 else 'rows'} can be divided into training and test, and {2 * FEWEST} "
            f"are the fewest, since a smaller test than {FEWEST} shows little. Name a smaller one with --test, or "
            "leave out --to for a recipe without a test"
        )
    if wanted is not None and wanted >= rows:
        raise InputError(
            f"--test {wanted}: {path} has {rows} rows that can be held out, and none would be left to train on"
        )
    return wanted or min(MOST, max(FEWEST, round(SHARE * rows)))


def in_test_order(usable: Mapping[int, int], size: int) -> list[int]:
    """The first prompts in the order of the test, with twice the rows that are needed: a metric may not read all."""
    places: list[int] = []
    rows = 0
    for place in sorted(usable):
        if rows >= 2 * size:
            break
        places.append(place)
        rows += usable[place]
    return places


def held_out_rows(
    rows_by_place: Mapping[int, Sequence[WrittenRow | None]], places: Iterable[int], size: int
) -> Mapping[int, Sequence[WrittenRow]]:
    """Place of a held-out prompt → its test rows, at most `size` in all. A prompt with an unreadable row is left out.

    Args:
        rows_by_place: the possible test rows of each prompt; None for a row that the metric cannot read.
        places: the prompts in the order of the test.
    """
    chosen: dict[int, Sequence[WrittenRow]] = {}
    total = 0
    for place in places:
        rows = [row for row in rows_by_place[place] if row is not None]
        if rows and len(rows) == len(rows_by_place[place]) and total + len(rows) <= size:
            chosen[place] = rows
            total += len(rows)
    return chosen
