"""posttrain beside TRL, as ratios: `POSTTRAIN_TEST_DATA=... python bench/compare.py [--quick]`.

With `--quick` a step has a quarter of the rows, one step is counted, of a large shape only adapters are trained, and
TRL runs in its default setting alone: minutes a shape, to see that both sides work. Its ratios are no evidence.

Each side runs in a process of its own: same model folder, token ids, batches, optimizer steps, dtype and threads,
no dropout, one warm-up step not counted. First every TRL setting runs for a few steps. The fastest as TRL ships, and
the fastest with gradient checkpointing switched off if that is faster, then meet posttrain, alternated A B A B; ratios
are medians over the pairs.

- tokens/s: real tokens of the rows (a prompt counts once for each of its completions), the same count for both.
- processor time: TRL's over ours, all threads; other programs on the machine disturb it less than the clock.
- memory: the most the process held beyond its imported libraries, as torch's own counter reads on a GPU: weights,
  gradients, optimizer, activations, data. The whole process's is given too.
- share of peak: products that the task needs at least (linear layers over packed rows, head over loss tokens) per
  second, over the machine's measured peak. The same count for both, so a side that recomputes or pads scores low.
- loss: the largest difference between the two sides' losses over all counted steps: proof of equal work.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Any

from inputs import SHAPES, data_folder, weights_of_layers

HERE = Path(__file__).parent
AS_SHIPPED = {"sft": ("default", "padding-free", "packing"), "dpo": ("default", "precomputed"), "reward": ("default",)}
"""TRL's ways to batch, gradient checkpointing on as TRL has it; each also runs with it off."""

UNCHECKED = ", no checkpointing"

CASES: dict[str, list[dict[str, Any]]] = {
    "llama-8.5m": [
        {"task": "sft", "rows": 512, "batch_size": 8},
        {"task": "dpo", "rows": 128, "batch_size": 8},
        {"task": "reward", "rows": 128, "batch_size": 8},
    ],
    **{
        shape: [
            {"task": task, "rows": 3 * size, "batch_size": size, "lora": lora}
            for lora in (False, True)
            for task, size in sizes.items()
        ]
        for shape, sizes in (
            ("smollm2-135m", {"sft": 8, "dpo": 4, "reward": 4}),
            ("qwen2.5-0.5b", {"sft": 8, "dpo": 4, "reward": 4}),
        )
    },
}
QUICK = {"sft": 2, "dpo": 1, "reward": 1}
"""Groups a step with --quick: two texts. The first step warms up, the second counts."""

HEAD = (
    "| case | TRL setting | tokens/s TRL | ours | **ratio** | processor time | memory MiB TRL | ours | **ratio** | "
    "whole process | share of peak TRL | ours | loss |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


class OutOfMemory(Exception):
    """The machine has too little memory for a side."""


def run_side(
    side: str, job: dict[str, Any], threads: int, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """One side's answer."""
    done = subprocess.run(
        [sys.executable, str(HERE / f"{side}_side.py"), json.dumps(job)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == -signal.SIGKILL:
        raise OutOfMemory(f"{side}: the system killed {job}")
    if done.returncode:
        sys.exit(f"bench: {side} failed on {job}\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    for clock in ("seconds", "processor_seconds"):
        found[clock] /= found["share"]
    return found


def work_of(job: dict[str, Any], shape: str) -> tuple[int, float]:
    """(real tokens, floating-point operations needed) of the counted rows."""
    config, lora = SHAPES[shape]["config"], job.get("lora", False)
    name = "sft" if job["task"] == "sft" else "pairs"
    rows: list[dict[str, list[int]]] = json.loads((Path(job["folder"]) / f"{name}.json").read_text())[: job["rows"]]
    prompts = sum(len(row["prompt"]) for row in rows)
    completions = sum(len(ids) for row in rows for part, ids in row.items() if part != "prompt")
    layers = weights_of_layers(config)
    passes = (4 if lora else 6) + (2 if job["task"] == "dpo" else 0)
    head = 0 if job["task"] == "reward" else config["hidden_size"] * config["vocab_size"]
    operations = float(passes) * (layers * (prompts + completions) + head * completions)
    return prompts * (1 if job["task"] == "sft" else 2) + completions, operations


def name_of(job: Mapping[str, Any]) -> str:
    """A case, in the table and in progress lines."""
    return job["task"] + (", LoRA" if job.get("lora") else "") + (", bfloat16" if job["bf16"] else "")


def settings_of(task: str) -> list[str]:
    """TRL's settings, each with and without gradient checkpointing."""
    return [name + suffix for name in AS_SHIPPED[task] for suffix in ("", UNCHECKED)]


def compare(job: dict[str, Any], shape: str, setting: str, rounds: int, threads: int, peak: float) -> str:
    """A row of the table: posttrain against one TRL setting."""
    peer = {**job, "setting": setting}
    pairs = [(run_side("trl", peer, threads), run_side("posttrain", job, threads)) for _ in range(rounds)]
    tokens, operations = work_of(job, shape)

    def middle(number: int, *parts: str) -> float:
        return median(pair[number][parts[0]] - (pair[number][parts[1]] if parts[1:] else 0) for pair in pairs)

    seconds = [middle(n, "seconds") for n in (0, 1)]
    above = [middle(n, "peak", "imported") for n in (0, 1)]
    whole = [middle(n, "peak") for n in (0, 1)]
    faster = median(trl["seconds"] / ours["seconds"] for trl, ours in pairs)
    cheaper = median(trl["processor_seconds"] / ours["processor_seconds"] for trl, ours in pairs)
    share = [operations / s / 1e9 / peak for s in seconds]
    packed = setting.startswith("packing")  # other rows to a step, so other losses
    apart = max(abs(a - b) for a, b in zip(pairs[0][0]["losses"], pairs[0][1]["losses"], strict=not packed))
    return (
        f"| {name_of(job)} | {setting} | {tokens / seconds[0]:,.0f} | {tokens / seconds[1]:,.0f} | **{faster:.1f}x** | "
        f"{cheaper:.1f}x | "
        f"{above[0] / 2**20:,.0f} | {above[1] / 2**20:,.0f} | **{above[1] / above[0]:.2f}x** | "
        f"{whole[1] / whole[0]:.2f}x | {share[0]:.0%} | {share[1]:.0%} | {'-' if packed else f'{apart:.0e}'} |"
    )


def rivals(found: Mapping[str, float]) -> list[str]:
    """The fastest setting as TRL ships, and the fastest of all, slowest first."""
    shipped = next(name for name in found if not name.endswith(UNCHECKED))
    return list(dict.fromkeys((shipped, next(iter(found)))))


def best_settings(job: dict[str, Any], steps: int, threads: int) -> dict[str, float]:
    """Each TRL setting's seconds over a few steps, fastest first."""
    few = {**job, "rows": min(job["rows"], steps * job["batch_size"])}
    found = {name: run_side("trl", {**few, "setting": name}, threads)["seconds"] for name in settings_of(job["task"])}
    return dict(sorted(found.items(), key=lambda item: item[1]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="one small step of each case, against TRL's default setting"
    )
    parser.add_argument("--shape", choices=list(SHAPES), action="append", help="only this model")
    parser.add_argument("--task", choices=["sft", "dpo", "reward"], action="append", help="only this task")
    parser.add_argument("--lora", action="store_true", help="only the cases that train adapters")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"], help="only this one, of those that are fast here"
    )
    parser.add_argument("--setting", help="only this setting of TRL's, instead of its fastest")
    chosen = parser.parse_args(arguments)
    data_folder()
    started = time.monotonic()

    def say(line: str) -> None:
        print(line, flush=True)

    measured = subprocess.check_output(
        [sys.executable, str(HERE / "peak.py")], env={**os.environ, "OMP_NUM_THREADS": str(chosen.threads)}, text=True
    )
    peaks: dict[str, float] = json.loads(measured)
    fast = peaks["bfloat16"] > 1.2 * peaks["float32"]
    say(
        f"{chosen.threads} threads; matrix products: {peaks['float32']:.0f} GFLOP/s in float32, "
        f"{peaks['bfloat16']:.0f} in bfloat16{'' if fast else ' (slower, so bfloat16 is not run)'}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for shape in chosen.shape or SHAPES:
            place = Path(folder) / shape
            place.mkdir()
            subprocess.run(
                [sys.executable, str(HERE / "inputs.py"), shape, str(place)], check=True, capture_output=True
            )
            say(f"\n{SHAPES[shape]['what']}\n")
            say(HEAD)
            jobs = jobs_of(shape, str(place), chosen, fast)
            for number, job in enumerate(jobs, start=1):
                progress = f"[{number}/{len(jobs)}] {name_of(job)}, {time.monotonic() - started:.0f} s so far"
                print(progress, file=sys.stderr, flush=True)
                only = chosen.setting or ("default" if chosen.quick else None)
                found = {} if only else best_settings(job, 2, chosen.threads)
                rounds = 1 if chosen.quick else chosen.rounds
                peak = peaks["bfloat16" if job["bf16"] else "float32"]
                for setting in [only] if only else rivals(found):
                    say(compare(job, shape, setting, rounds, chosen.threads, peak))
                if found:
                    print({name: round(seconds, 1) for name, seconds in found.items()}, file=sys.stderr, flush=True)
    print(f"done in {time.monotonic() - started:.0f} s", file=sys.stderr)


def jobs_of(shape: str, folder: str, chosen: argparse.Namespace, fast: bool) -> list[dict[str, Any]]:
    """The cases to run of a shape: with --quick smaller, and in the faster precision alone."""
    precisions = [False, True] if fast else [False]
    if chosen.precision is not None:
        precisions = [bf16 for bf16 in precisions if bf16 == (chosen.precision == "bfloat16")]
    elif chosen.quick:
        precisions = precisions[-1:]
    cases = [case for case in CASES[shape] if case["task"] in (chosen.task or [case["task"]])]
    if chosen.lora:
        cases = [case for case in cases if case.get("lora")]
    if chosen.quick:
        cases = [case for case in cases if case.get("lora", True)]  # a shape's adapters, where it has both
        sizes = [QUICK[case["task"]] for case in cases]
        cases = [{**case, "batch_size": size, "rows": 2 * size} for case, size in zip(cases, sizes, strict=True)]
    return [{**case, "folder": folder, "bf16": bf16} for case in cases for bf16 in precisions]


if __name__ == "__main__":
    main()
