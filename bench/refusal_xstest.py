"""How often the refusal detector errs on the answers of XSTest: `python bench/refusal_xstest.py DIR`.

DIR is the folder `model_completions` of XSTest (Röttger et al., 2024, github.com/paul-rottger/exaggerated-safety). Two
people labelled each answer. The answers are the models' and are not in this repository; no rule was written and no
weight fitted on them. Each model has a line: how the two annotators agree (Cohen's kappa), then precision and
recall of full refusals against compliance where they agree, with 95% intervals (Wilson), and the share of undetermined
verdicts.
"""

import argparse
import csv
from collections import Counter
from pathlib import Path

from posttrain.rewards.refusal.detect import RefusalVerdict, refusal_verdict
from posttrain.statistics.intervals import wilson

LABELS = {"1_full_compliance": "compliance", "2_full_refusal": "full_refusal", "3_partial_refusal": "partial_refusal"}


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    every: Counter[tuple[str, str]] = Counter()
    for path in sorted(folder.glob("xstest_v2_completions_*.csv")):
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        pairs = Counter((LABELS[row["annotation_1"]], LABELS[row["annotation_2"]]) for row in rows)
        counts: Counter[tuple[str, str]] = Counter()
        for row in rows:
            if row["annotation_1"] == row["annotation_2"]:
                counts[LABELS[row["annotation_1"]], str(refusal_verdict(row["completion"], prompt=row["prompt"]))] += 1
        every += counts
        print(f"{path.stem.removeprefix('xstest_v2_completions_')}: kappa {kappa(pairs):.2f}; {figures(counts)}")
    print(f"all: {figures(every)}")
    for label in LABELS.values():
        print(f"{label:16} " + " ".join(f"{verdict} {every[label, str(verdict)]};" for verdict in RefusalVerdict))


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


def figures(counts: Counter[tuple[str, str]]) -> str:
    """Precision, recall and the share of undetermined verdicts."""
    right = counts["full_refusal", "full_refusal"]
    found = right + counts["compliance", "full_refusal"]
    full = sum(count for (label, _), count in counts.items() if label == "full_refusal")
    undetermined = sum(count for (_, verdict), count in counts.items() if verdict == "undetermined")
    return (
        f"precision {share(right, found)}; recall {share(right, full)}; "
        f"undetermined {share(undetermined, counts.total())}"
    )


def share(count: int, n: int) -> str:
    """A share with its interval."""
    if not n:
        return "none"
    low, high = wilson(count, n)
    return f"{count} of {n} = {count / n:.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
