"""``posttrain`` and ``python -m posttrain``: the command line as a program of its own."""

import sys

from posttrain.cli.main import main
from posttrain.malloc import settle_heap

TRAINING = frozenset({"run", "demo"})
"""Commands that may train."""


def program() -> None:
    """Settle the process where it will train, then run the command line."""
    if TRAINING.intersection(sys.argv[1:2]):
        settle_heap()
    main()


if __name__ == "__main__":
    program()
