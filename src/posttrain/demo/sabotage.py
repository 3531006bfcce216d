"""`posttrain demo --sabotage`: preferences that are spoiled on purpose, as bad labels of real projects are.

The gates of the recipe and the report should find both faults without a word about them.
"""

from collections.abc import Iterable, Iterator
from random import Random

from posttrain.demo.stage_rows import Row
from posttrain.demo.world import LABELS

FLIPPED = 0.2
"""The share of the DPO pairs whose chosen and rejected replies change places."""


def flip_pairs(rows: Iterable[Row], rng: Random) -> Iterator[Row]:
    """DPO rows, a share of them (`FLIPPED`) with the worse reply as the chosen one."""
    for row in rows:
        flipped = rng.random() < FLIPPED
        yield {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if flipped else row


def reverse_ranks(rows: Iterable[Row], rng: Random) -> Iterator[Row]:
    """Rankings, with the order reversed in all rows about one product that is drawn."""
    product = rng.choice(LABELS).product
    for row in rows:
        if product in row["prompt"][0]["content"]:
            last = max(row["ranks"].values())
            row = {**row, "ranks": {name: last + 1 - rank for name, rank in row["ranks"].items()}}
        yield row
