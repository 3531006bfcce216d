"""Whole GRPO and PPO steps beside TRL's, as ratios: `POSTTRAIN_TEST_DATA=... python bench/on_policy.py [--quick]`.

A step is all of it: completions written, scored, credited, learnt from, the optimizer's step. Prompts of 64 to 256
tokens, completions of 16 to 128, the same lengths for every side; each side in a process of its own, one step not
counted. First every TRL setting makes a small step, of a quarter of the prompts; the fastest then meets posttrain, in
turn. In float32, or in bfloat16 on both sides where `--precision` says so. With `--quick` TRL runs in its default
setting alone, and a step has a quarter of the prompts: minutes, to see that both sides work, and no evidence.

- GRPO: 8 prompts, 8 completions each, a rule as reward, KL coefficient 0.04, one epoch over a rollout; TRL 1.16.
- PPO: 32 prompts, a completion each, a reward model, four epochs over a rollout, the KL in the reward. TRL 1.9.2, the
  last with `trl.experimental.ppo`, from a folder of its own. It trains a value model beside the policy, posttrain a
  value head on the policy's trunk: each as it ships.
- tokens/s: of completions. Processor time, memory: see `compare.py`. Others: see `quiet.py`.
- share of peak: products that the step needs at least, per second, over the machine's measured peak: each prompt once,
  the head over completions only, a value head on the policy's trunk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from asked import Asked, read_asked, write_asked, written_each
from compare import HERE, OutOfMemory, name_of, run_side
from inputs import SHAPES, data_folder, weights_of_layers
from quiet import watched

PPO_RELEASE = "trl==1.9.2"
PROMPTS = {"grpo": 8, "ppo": 32}
SETTINGS = {
    "grpo": [
        way + unchecked
        for way in ("default", "static cache", "static cache, micro-batches of 8")
        for unchecked in ("", ", no checkpointing")
    ],
    "ppo": ["4/32", "8/32", "16/32"],
}
"""GRPO: see `step_grpo_side.py`; in bfloat16 transformers' static cache fails, having been made in float32. PPO:
completions a forward in training, and in writing and scoring."""

HEAD = (
    "| step | TRL setting | tokens/s TRL | ours | **ratio** | processor time | memory MiB TRL | ours | **ratio** | "
    "share of peak TRL | ours | others |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def work_of(job: Mapping[str, Any], shape: str, asked: Sequence[Asked]) -> tuple[int, float]:
    """(tokens written, floating-point operations needed) of a step."""
    config, task, n = SHAPES[shape]["config"], job["task"], written_each(job["task"])
    layers = weights_of_layers(config)
    head = config["hidden_size"] * config["vocab_size"]
    written = sum(sum(one.lengths[:n]) for one in asked)
    every = layers * (written + sum(len(one.prompt) for one in asked))
    once = every + head * written  # a forward pass; writing needs one too
    epochs, models = (1, 1) if task == "grpo" else (4, 2)
    values_and_scores = (models - 1) * 2 * every
    passes = 2 if job["lora"] else 3  # forward, and backward to the inputs, and to the weights if they are trained
    return written, 2.0 * (once + once + values_and_scores + passes * epochs * once)


def trl(job: dict[str, Any], setting: str, threads: int) -> dict[str, Any]:
    """TRL's side, in one setting."""
    environment = {"PYTHONPATH": f"{job['folder']}/trl"} if job["task"] == "ppo" else {}
    return run_side(f"step_{job['task']}", {**job, "setting": setting}, threads, environment)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few prompts, one round, TRL's default setting")
    parser.add_argument("--shape", choices=list(SHAPES), default="llama-8.5m")
    parser.add_argument("--task", choices=list(PROMPTS), action="append", help="only this one")
    parser.add_argument("--lora", action="store_true", help="train adapters of rank 16; GRPO only")
    parser.add_argument("--setting", help="only this setting of TRL's, instead of its fastest")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of matrix products")
    chosen = parser.parse_args(arguments)
    tasks = chosen.task or (["grpo"] if chosen.lora else list(PROMPTS))
    if chosen.lora and "ppo" in tasks:
        parser.error("--lora is for GRPO only")
    data_folder()
    rounds = 1 if chosen.quick else chosen.rounds
    threads = {**os.environ, "OMP_NUM_THREADS": str(chosen.threads)}
    peaks = json.loads(subprocess.check_output([sys.executable, str(HERE / "peak.py")], env=threads, text=True))
    peak: float = peaks[chosen.precision]
    machine = f"{chosen.threads} threads; {chosen.precision}, peak {peak:.0f} GFLOP/s"
    print(f"{SHAPES[chosen.shape]['what']}; {machine}\n\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "inputs.py"), chosen.shape, folder]
        subprocess.run(command, check=True, capture_output=True)
        for task in tasks:
            if task == "ppo":
                install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", f"{folder}/trl"]
                subprocess.run([*install, PPO_RELEASE], check=True, capture_output=True)
            count = PROMPTS[task] // (4 if chosen.quick else 1)
            write_asked(Path(folder), count)
            job = {"folder": folder, "task": task, "rows": count, "batch_size": count}
            job |= {"bf16": chosen.precision == "bfloat16", "lora": chosen.lora}
            only = chosen.setting or (SETTINGS[task][0] if chosen.quick else None)
            settings = [only] if only else by_speed(job, chosen.threads)
            setting, pairs = first_that_fits(job, settings, rounds, chosen.threads)
            print(row(job, chosen.shape, setting, read_asked(folder), pairs, peak), flush=True)
            each = [[f"{one['seconds']:.1f} ({one['processor_seconds']:.1f})" for one in both] for both in pairs]
            print(f"seconds (processor), TRL's and ours: {each}", file=sys.stderr, flush=True)


def by_speed(job: dict[str, Any], threads: int) -> list[str]:
    """TRL's settings by the time that a step of a quarter of the prompts takes, fastest first."""
    few = {**job, "rows": job["rows"] // 4, "batch_size": job["batch_size"] // 4}
    settings = [s for s in SETTINGS[job["task"]] if not (job["bf16"] and "static" in s)]
    seconds = {setting: trl(few, setting, threads)["seconds"] for setting in settings}
    print(f"TRL's settings, seconds: {seconds}", file=sys.stderr, flush=True)
    return sorted(seconds, key=lambda setting: seconds[setting])


def first_that_fits(
    job: dict[str, Any], settings: Sequence[str], rounds: int, threads: int
) -> tuple[str, list[list[dict[str, Any]]]]:
    """TRL's first setting for which a whole step fits into memory, and the rounds with it."""
    for setting in settings:
        try:
            return setting, [pair(job, setting, threads) for _ in range(rounds)]
        except OutOfMemory as error:
            print(error, file=sys.stderr, flush=True)
    sys.exit("bench: no setting of TRL's fits into memory")


def pair(job: dict[str, Any], setting: str, threads: int) -> list[dict[str, Any]]:
    """TRL's answer and ours, one after the other."""
    sides = (partial(trl, job, setting, threads), partial(run_side, "step_posttrain", job, threads))
    both: list[dict[str, Any]] = []
    for side in sides:
        answer, others = watched(side)
        both.append({**answer, "others": others, "memory": answer["peak"] - answer["imported"]})
    return both


def row(
    job: Mapping[str, Any],
    shape: str,
    setting: str,
    asked: Sequence[Asked],
    pairs: list[list[dict[str, Any]]],
    peak: float,
) -> str:
    """A row of the table."""
    written, operations = work_of(job, shape, asked)
    theirs, ours = ({key: median(p[side][key] for p in pairs) for key in ("seconds", "memory")} for side in (0, 1))

    def ratio(key: str) -> float:
        return median(p[0][key] / p[1][key] for p in pairs)

    shares = [operations / one["seconds"] / 1e9 / peak for one in (theirs, ours)]
    return (
        f"| {name_of(job)} | {setting} | {written / theirs['seconds']:,.0f} | {written / ours['seconds']:,.0f} | "
        f"**{ratio('seconds'):.1f}x** | {ratio('processor_seconds'):.1f}x | {theirs['memory'] / 2**20:,.0f} | "
        f"{ours['memory'] / 2**20:,.0f} | **{1 / ratio('memory'):.2f}x** | {shares[0]:.0%} | {shares[1]:.0%} | "
        f"{max(one['others'] for p in pairs for one in p):.1f} |"
    )


if __name__ == "__main__":
    main()
