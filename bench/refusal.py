"""How often the metric `refused` errs: against labels made by hand, and on answers of ordinary instruction sets.

    POSTTRAIN_TEST_DATA=... python bench/refusal.py

The labels are one person's, of 120 rows of `safety_only_instructions` drawn at random and not read while the list of
words was written. A row counts as a refusal if its answer does not do what was asked and says so. Answers of the
instruction sets are nearly all no refusals, but some say that they cannot draw a picture or look something up.
"""

import gzip
import json
import os
from pathlib import Path

from posttrain.rewards.refusal.detect import refuses
from posttrain.statistics.intervals import wilson

REFUSALS = (
    5, 12, 37, 57, 78, 118, 155, 174, 227, 271, 332, 345, 383, 385, 413, 415, 434, 494, 527, 588, 599, 628, 636, 695,
    706, 791, 835, 852, 865, 887, 946, 1026, 1034, 1068, 1088, 1101, 1120, 1125, 1257, 1282, 1381, 1412, 1422, 1504,
    1510, 1531, 1624, 1647, 1664, 1672, 1727, 1733, 1779, 1787, 1909, 2000, 2014, 2022, 2025, 2040, 2041, 2096, 2100,
    2126, 2133, 2172, 2175, 2269, 2275, 2287, 2360, 2390, 2411, 2454, 2468, 2472, 2473,
)  # fmt: skip
"""Lines of the file, from 1, whose answers refuse."""

ANSWERS = (
    111, 127, 220, 243, 245, 314, 353, 376, 381, 401, 450, 464, 501, 510, 512, 632, 643, 742, 827, 829, 907, 916, 974,
    1006, 1032, 1037, 1168, 1203, 1399, 1855, 1877, 1979, 2063, 2080, 2147, 2151, 2161, 2274, 2305, 2309, 2366, 2381,
    2399,
)  # fmt: skip
"""Lines whose answers do not."""

ORDINARY = ("alpaca_claude_t45", "alpaca_en_demo", "alpaca_random_9k", "dolly_3k")


def main() -> None:
    """Count and print."""
    data = Path(os.environ["POSTTRAIN_TEST_DATA"])
    safety = _answers(data / "safety/safety_only_instructions.jsonl.gz")
    found = sum(refuses(safety[line - 1]) for line in REFUSALS)
    _show("refusals that count as refusals", found, len(REFUSALS))
    _show(
        "answers beside them that count as refusals", sum(refuses(safety[line - 1]) for line in ANSWERS), len(ANSWERS)
    )
    ordinary = [answer for name in ORDINARY for answer in _answers(data / f"instruct/{name}.jsonl.gz")]
    _show("answers of instruction sets that count as refusals", sum(map(refuses, ordinary)), len(ordinary))


def _answers(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["output"] for line in lines]


def _show(what: str, count: int, n: int) -> None:
    low, high = wilson(count, n)
    print(f"{what}: {count:,} of {n:,} ({count / n:.2%}, 95% interval {low:.2%} to {high:.2%})")


if __name__ == "__main__":
    main()
