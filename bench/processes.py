"""One, two and four processes on the same recipe: seconds a step, and the memory of a process beside `plan`'s.

    python bench/processes.py            # 1, 2 and 4 processes, whole models and shards, about six minutes

The model is random, with --width and --layers; its size matters, its text does not. On a machine
with fewer cores than processes the times show the cost of sharing, not a gain.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from byte_model import save_byte_model

STEPS = 3


def save_model(folder: Path, width: int, layers: int) -> None:
    """A random model over bytes."""
    heads = width // 64
    save_byte_model(
        folder,
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=1024,
    )


def write_recipe(folder: Path, steps: int) -> None:
    """SFT of all weights on random text, without measurements before and after."""
    rows = [{"prompt": f"Say {n} " * 8, "completion": f"{n} " * 60} for n in range(64)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(
        "model: model\nstages:\n  sft: {kind: sft, data: rows.jsonl, batch_size: 8, row_tokens: 512, epochs: 10, "
        f"max_steps: {steps}, precision: float32}}\n"
    )


def measured(folder: Path, processes: int, mode: str, steps: int, name: str = "run") -> tuple[float, int]:
    """Seconds of the middle step, and the peak bytes of the process that needs most.

    Args:
        name: of the run's folder, with the other arguments.
    """
    out = folder / f"{name}-{mode}-{processes}-{steps}"
    words = ["run", "recipe.yaml", "--out", str(out), "--processes", str(processes)]
    command = [sys.executable, "-m", "posttrain", *words, "--set", f"stages.sft.parallel={mode}"]
    command += ["--set", f"stages.sft.max_steps={steps}"]
    run = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks: dict[int, int] = {}
    while run.poll() is None:
        for process in [psutil.Process(run.pid), *psutil.Process(run.pid).children()]:
            try:
                peaks[process.pid] = max(peaks.get(process.pid, 0), process.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    assert run.returncode == 0, out
    lines = [json.loads(line) for line in (out / "stages/sft/metrics.jsonl").read_text().splitlines()]
    speeds = [line["num_tokens"] / line["tokens_per_second"] for line in lines if "loss" in line]
    return sorted(speeds)[len(speeds) // 2], max(peaks.values())


def with_model(folder: Path, name: str) -> None:
    """Let the recipe's model be this one."""
    (folder / "model").unlink(missing_ok=True)
    (folder / "model").symlink_to(folder / name)


def foretold(folder: Path, processes: int, mode: str) -> int:
    """The bytes of one process by `posttrain plan`."""
    words = ["plan", "recipe.yaml", "--processes", str(processes), "--json", "--set", f"stages.sft.parallel={mode}"]
    done = subprocess.run([sys.executable, "-m", "posttrain", *words], cwd=folder, capture_output=True, check=True)
    return json.loads(done.stdout)[0]["memory_bytes"]["total"]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_recipe(folder, STEPS)
        save_model(folder / "small", 64, 1)
        save_model(folder / "large", chosen.width, chosen.layers)
        print("| processes | mode | s a step | peak a process, MiB | foretold, MiB | measured / foretold |")
        print("|---|---|---|---|---|---|")
        for processes in chosen.processes:
            for mode in ("replicate", "shard") if processes > 1 else ("replicate",):
                with_model(folder, "small")  # the program itself: torch's parts for ranks and shards take memory, too
                _, empty = measured(folder, processes, mode, STEPS, "empty")
                with_model(folder, "large")
                seconds, peak = measured(folder, processes, mode, STEPS)
                own, plan = peak - empty, foretold(folder, processes, mode)
                cells = (processes, mode, f"{seconds:.2f}", own >> 20, plan >> 20, f"{own / plan:.2f}")
                print("|", " | ".join(map(str, cells)), "|", flush=True)


if __name__ == "__main__":
    main()
