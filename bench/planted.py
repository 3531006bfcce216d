"""How many planted faults the audit finds, and how much it finds besides: `python bench/planted.py [--seeds 5]`.

A thousand faults of all kinds in clean generated sets of 14,000 rows (`tests/helpers/planted_sets.py`), with each seed.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/helpers"))

from planted_sets import SETS, Measured, measured


def main() -> None:
    """Plant, audit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    print("| set | fault | planted | recall | precision |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            found: dict[str, list[Measured]] = defaultdict(list)
            for seed in range(chosen.seeds):
                for one in measured(name, seed, Path(folder)):
                    found[one.name].append(one)
            for fault, some in found.items():
                recall, precision = fmean(one.recall for one in some), fmean(one.precision for one in some)
                print(
                    f"| {name} | {fault} | {sum(o.planted for o in some)} | {recall:.3f} | {precision:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
