"""Measure the time of a check in the sandbox: `POSTTRAIN_TEST_DATA=... python bench/sandbox.py [--pool N]`.

The checks are all HumanEval reference solutions, first one at a time, then from as many threads as the pool has places.
A run without a warm process shows the share of the interpreter's start.
"""

import argparse
import gzip
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles

from posttrain.cpus import usable_cpus
from posttrain.rewards.sandbox.box import Sandbox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pool", type=int, default=usable_cpus())
    pool: int = parser.parse_args().pool
    path = Path(os.environ["POSTTRAIN_TEST_DATA"]) / "verifiable" / "HumanEval.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]

    def check(box: Sandbox, row: dict[str, str]) -> float:
        code, entry_point = row["canonical_solution"], row["entry_point"]
        verdict = box.check(code, row["test"], entry_point=entry_point, prompt=row["prompt"])
        assert verdict.passed, (row["task_id"], verdict)
        return verdict.seconds

    trivial = {"prompt": "", "canonical_solution": "def f(x):\n    return x", "test": "assert f(1) == 1"}
    trivial |= {"entry_point": "f", "task_id": "trivial"}
    for name, forks in (("warm, forked", True), ("an interpreter each", False)):
        with Sandbox(pool=1, forks=forks) as box:
            check(box, trivial)
            seconds = sorted(check(box, row) for row in (rows if forks else rows[:20]))
            small = [check(box, trivial) for _ in range(100 if forks else 10)]
        print(
            f"{name}: median {median(seconds) * 1e3:.1f} ms, 95th percentile {quantiles(seconds, n=20)[-1] * 1e3:.1f} "
            f"ms a HumanEval check; median {median(small) * 1e3:.1f} ms for one trivial assert"
        )
    with Sandbox(pool=pool) as box, ThreadPoolExecutor(pool) as threads:
        began = time.perf_counter()
        list(threads.map(lambda row: check(box, row), rows))
        print(f"{pool} at once: {len(rows) / (time.perf_counter() - began):.0f} checks a second")


if __name__ == "__main__":
    main()
