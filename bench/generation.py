"""Generation beside GRPOTrainer's, as ratios: `POSTTRAIN_TEST_DATA=... python bench/generation.py [--quick]`.

The small Llama, 8 completions of each prompt, prompts of 64 to 256 tokens from real dialogues, completions of 16 to
128, the same lengths for every side. Each side runs in a process of its own, warmed up on two prompts, in turn; ratios
are medians over the rounds. posttrain also gives each token's log-prob, the peers' calls do not.

- tokens/s: of completions.
- processor time, memory: see `compare.py`.
- share of matmul peak: products needed at least (linear layers over each prompt once and each completion, head over
  what is written) per second, over the machine's measured peak.
- share of bandwidth: bytes that must be read at least (weights once for each token of the longest completion; for each
  token, its completion's keys and values, its prompt's once for all siblings) per second, over the measured bandwidth.
- others: cores that other programs used in the worst round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from asked import Asked, N, read_asked, write_asked
from compare import HERE, run_side
from inputs import SHAPES, data_folder
from quiet import watched

SHAPE = "llama-8.5m"
SETTINGS = ("generate", "generate, static cache", "continuous batching", "continuous batching, 16 at once")
HEAD = (
    "| side | tokens/s | **ours over it** | processor time | memory MiB | ours over it | matmul peak | bandwidth | "
    "others |\n|---|---|---|---|---|---|---|---|---|"
)


def work_of(asked: Sequence[Asked]) -> tuple[int, float, float]:
    """(tokens written, floating-point operations, bytes read in float32) that the task needs at least."""
    config = SHAPES[SHAPE]["config"]
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    linear = layers * (4 * width * width + 3 * width * config["intermediate_size"])
    head = width * config["vocab_size"]
    written = sum(sum(one.lengths) for one in asked)
    operations = 2.0 * (linear * (written + sum(len(one.prompt) for one in asked)) + head * written)
    seen = sum(sum(n * (n + 1) / 2 for n in one.lengths) + len(one.prompt) * max(one.lengths) for one in asked)
    weights = (linear + head) * max(max(one.lengths) for one in asked)
    return written, operations, 4.0 * (weights + 2 * layers * width * seen)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few prompts, one round")
    parser.add_argument("--setting", choices=SETTINGS, action="append", help="only this way of the peers to write")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    data_folder()
    settings = chosen.setting or SETTINGS
    count, rounds = (4, 1) if chosen.quick else (chosen.prompts, chosen.rounds)
    environment = {**os.environ, "OMP_NUM_THREADS": str(chosen.threads)}
    peaks = json.loads(subprocess.check_output([sys.executable, str(HERE / "peak.py")], env=environment, text=True))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "inputs.py"), SHAPE, folder]
        subprocess.run(command, check=True, capture_output=True)
        write_asked(Path(folder), count)
        asked = read_asked(folder)
        job = {"folder": folder, "task": "generation", "rows": count}
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in ("posttrain", *settings)}
        for _ in range(rounds):
            for name in found:
                side, told = (
                    ("write_posttrain", job) if name == "posttrain" else ("write_trl", {**job, "setting": name})
                )
                one, others = watched(partial(run_side, side, told, chosen.threads))
                found[name].append({**one, "others": others})
    written, operations, read = work_of(asked)
    print(
        f"{SHAPES[SHAPE]['what']}; {count} prompts, {sum(len(one.prompt) for one in asked):,} tokens; {count * N} "
        f"completions, {written:,} tokens; {chosen.threads} threads; peak {peaks['float32']:.0f} GFLOP/s in float32, "
        f"{peaks['bandwidth']:.1f} GB/s\n\n{HEAD}"
    )
    ours = found["posttrain"]
    for name, theirs in found.items():

        def ratio(of: str, theirs: list[dict[str, Any]] = theirs) -> float:
            return median(a[of] / b[of] for a, b in zip(theirs, ours, strict=True))

        seconds = median(one["seconds"] for one in theirs)
        memory = median(one["peak"] - one["imported"] for one in theirs)
        own = median(one["peak"] - one["imported"] for one in ours)
        print(
            f"| {name} | {written / seconds:,.0f} | **{ratio('seconds'):.1f}x** | {ratio('processor_seconds'):.1f}x | "
            f"{memory / 2**20:,.0f} | {own / memory:.2f}x | {operations / seconds / 1e9 / peaks['float32']:.0%} | "
            f"{read / seconds / 1e9 / peaks['bandwidth']:.0%} | {max(one['others'] for one in theirs):.1f} |",
            flush=True,
        )
        each = [f"{one['seconds']:.1f} ({one['processor_seconds']:.1f}; {one['others']:.1f})" for one in theirs]
        print(f"{name}: seconds (processor; others) {', '.join(each)}", file=sys.stderr)


if __name__ == "__main__":
    main()
