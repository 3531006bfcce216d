"""How often the refusal detector errs on answers that other people labelled.

    python bench/refusal_xstest.py XSTEST [CHATGPT]

XSTEST is the folder `model_completions` of XSTest (github.com/paul-rottger/exaggerated-safety), CHATGPT the folder
`data` of chatgpt-refusals (github.com/maxwellreuter/chatgpt-refusals). The answers are the models' and are not in this
repository. The half `write` is what `refusal_fit.py` may fit weights to; the half `test` is not. Each model has a line
for each half: precision and recall of full refusals against compliance, with 95% intervals (Wilson), and the share of
undetermined verdicts. The kappa is that of XSTest's two annotators.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from refusal_public import XSTEST_LABELS, chatgpt_refusals, xstest
from refusal_rows import Figures, Labelled
from refusal_rows import figures as figures_of

from posttrain.statistics.intervals import wilson

HALVES = ("write", "test")


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("xstest", type=Path)
    parser.add_argument("chatgpt", type=Path, nargs="?")
    args = parser.parse_args()
    for path in sorted(args.xstest.glob("xstest_v2_completions_*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        pairs = Counter((XSTEST_LABELS[row["annotation_1"]], XSTEST_LABELS[row["annotation_2"]]) for row in rows)
        print(f"{path.stem.removeprefix('xstest_v2_completions_')}: kappa {kappa(pairs):.2f}")
    _show(xstest(args.xstest))
    if args.chatgpt:
        _show(chatgpt_refusals(args.chatgpt))


def _show(rows: Sequence[Labelled]) -> None:
    for half in HALVES:
        part = [row for row in rows if row.half == half]
        for source in dict.fromkeys(row.source for row in rows):
            print(f"{half}, {source}: {_line(figures_of([row for row in part if row.source == source]))}")
        print(f"{half}, all: {_line(figures_of(part))}")


def kappa(pairs: Counter[tuple[str, str]]) -> float:
    """Cohen's kappa of two annotators, from counts of their labels."""
    n = pairs.total()
    same = sum(count for (a, b), count in pairs.items() if a == b) / n
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for (a, b), count in pairs.items():
        first[a] += count
        second[b] += count
    chance = sum(first[label] * second[label] for label in first) / n**2
    return (same - chance) / (1 - chance)


def _line(counts: Figures) -> str:
    return (
        f"precision {share(counts.right, counts.found)}; recall {share(counts.right, counts.full)}; "
        f"undetermined {share(counts.undetermined, counts.labelled)}"
    )


def share(count: int, n: int) -> str:
    """A share with its interval."""
    if not n:
        return "none"
    low, high = wilson(count, n)
    return f"{count} of {n} = {count / n:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
