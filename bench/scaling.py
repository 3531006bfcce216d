"""How the time of a step grows with processes, tokens, and completions of a prompt: `python bench/scaling.py`.

- Tokens: SFT with 1 to 16 times as many rows a step. The time of a step should grow as the tokens do.
- Completions: a reward model on rankings of K completions of a prompt ten times as long as each of them (K = 1: SFT on
  the same texts). The prompt is computed once, so the time should grow as prompt + K completions, not as K of each.
- Processes: the same steps on two processes should take half the time, on a machine with two free cores or more.

The model is random, over bytes; its size matters, its text does not. A figure is the middle one of four steps.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from processes import measured, save_model

STEPS = 4
PROMPT, COMPLETION = 400, 40
"""Bytes, which are tokens here."""

TIMES = (1, 2, 4, 8, 16)


def write_sft(folder: Path, batch: int, prompt: int, completion: int) -> int:
    """A recipe of SFT whose steps have `batch` rows; the tokens of a step."""
    rows = [{"prompt": f"{n:08}" + "p" * (prompt - 8), "completion": "c" * completion} for n in range(batch)]
    write(folder, "sft", rows, batch)
    return batch * (prompt + completion)


def write_rankings(folder: Path, batch: int, k: int) -> int:
    """A recipe of a reward model on rankings of `k` completions; the tokens of a step, with each prompt once."""
    rows = [
        {
            "prompt": f"{row:08}" + "p" * (PROMPT - 8),
            "candidates": [{"id": f"{n}", "text": f"{n:04}" + "c" * (COMPLETION - 4)} for n in range(k)],
            "ranks": {f"{n}": n + 1 for n in range(k)},
        }
        for row in range(batch)
    ]
    write(folder, "reward", rows, batch)
    return batch * (PROMPT + k * COMPLETION)


def write(folder: Path, kind: str, rows: Sequence[dict[str, object]], batch: int) -> None:
    """The data, and a recipe of one stage, which `measured` calls `sft`."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(
        f"model: model\nstages:\n  sft: {{kind: {kind}, data: rows.jsonl, batch_size: {batch}, row_tokens: 2048, "
        f"epochs: {STEPS}, precision: float32}}\n"
    )


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder / "model", chosen.width, chosen.layers)
        for title, cases in (
            ("rows a step", [(times, lambda t=times: write_sft(folder, 2 * t, 120, 120)) for times in TIMES]),
            (
                "completions",
                [(1, lambda: write_sft(folder, 4, PROMPT, COMPLETION))]
                + [(k, lambda k=k: write_rankings(folder, 4, k)) for k in TIMES[1:]],
            ),
        ):
            heads = [f"s a step, {n} process{'es' if n > 1 else ''} | against the first" for n in chosen.processes]
            print(f"| {title} | tokens | against the first | {' | '.join(heads)} |")
            print(f"|---|---|---|{'---|---|' * len(heads)}")
            first: dict[int, float] = {}
            fewest = 0
            for number, (times, prepare) in enumerate(cases):
                tokens = prepare()
                fewest = fewest or tokens
                cells: list[str] = []
                for processes in chosen.processes:
                    seconds, _ = measured(folder, processes, "replicate", STEPS, f"{title[:4]}-{number}")
                    first.setdefault(processes, seconds)
                    cells += [f"{seconds:.3f}", f"{seconds / first[processes]:.1f}x"]
                print(f"| {times} | {tokens:,} | {tokens / fewest:.1f}x | {' | '.join(cells)} |", flush=True)
            print()


if __name__ == "__main__":
    main()
