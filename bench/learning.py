"""Held-out curves of posttrain and TRL: `POSTTRAIN_TEST_DATA=... python bench/learning.py [--quick] [--out FOLDER]`.

SFT, DPO, a reward model, GRPO and PPO train a real model of 260,000 parameters on both sides, with equal rows, order,
updates, batch, learning rate, constant schedule and seeds. Each side's weights are saved after the same steps. One
evaluator in plain transformers, `learning_held_out.py`, measures them on rows that no side trained on.

The program writes a figure for each technique and prints a table of the last weights. Intervals (95%) are a percentile
bootstrap over held-out items; an item's value is its mean over the seeds. The interval of the difference draws the same
items for both sides. No interval covers the difference between seeds, so the figures and the table show each seed.

TRL 1.16 has no PPO trainer. PPO needs `--peer-python`, the Python of an environment with TRL 1.9
(`bench/requirements-ppo.txt`); without it, PPO is left out.

With `--quick`: one seed, eight steps, few items; it shows that both sides work, and nothing else.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from inputs import data_folder
from learning_chart import Curve, Panel, figure
from learning_data import PLANS, SIDES, Plan, Task, write_data
from learning_runs import run, run_side
from numpy.typing import NDArray

TITLES = {"sft": "SFT", "dpo": "DPO", "reward": "Reward model", "grpo": "GRPO", "ppo": "PPO"}
LABELS = {"posttrain": "posttrain", "trl": "TRL 1.16", "posttrain-head": "posttrain from TRL's head"}
ORDER = ("trl", "posttrain", "posttrain-head")
DRAWS = 4000
HEAD = (
    "| technique | held-out measure | side | start | after the last step | 95% interval | minus TRL | 95% interval | "
    "each seed minus TRL |\n|---|---|---|---|---|---|---|---|---|"
)

Values = NDArray[np.float64]
"""[seed, step, item, 2]: total and count."""


@dataclass(frozen=True)
class Interval:
    """A mean, and the ends of its interval."""

    mean: Values
    low: Values
    high: Values


def label(technique: str, side: str) -> str:
    """A side's name; PPO's peer is another release."""
    return "TRL 1.9" if (technique, side) == ("ppo", "trl") else LABELS[side]


def values_of(task: Task, peer_python: str) -> dict[str, dict[str, Values]]:
    """side → measure → values. Weights and values that the folder has already are kept."""
    saved = Path(task.folder) / f"{task.technique}.values.json"
    if not saved.exists():
        for side in SIDES[task.technique]:
            own = replace(task, side=side)
            missing = tuple(seed for seed in task.seeds if not own.weights(seed, task.plan.saved[-1]).exists())
            if missing:
                run_side(replace(own, seeds=missing), peer_python)
        saved.write_text(run("held_out", task).strip().splitlines()[-1])
    found: dict[str, dict[str, Any]] = json.loads(saved.read_text())
    return {side: {name: np.array(v) for name, v in measures.items()} for side, measures in found.items()}


def weights_of(items: int) -> Values:
    """[draw, item]: how often each draw of the bootstrap has each item."""
    return np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), size=DRAWS).astype(np.float64)


def drawn(values: Values) -> tuple[Values, Values]:
    """([step], [draw, step]): the measure of all items, and of each draw of them. Seeds are put together."""
    total, count = values.sum(0)[..., 0], values.sum(0)[..., 1]
    weights = weights_of(total.shape[1])
    return total.sum(1) / count.sum(1), (weights @ total.T) / (weights @ count.T)


def interval(mean: Values, draws: Values) -> Interval:
    """The percentile interval."""
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return Interval(mean, low, high)


def each_seed(values: Values) -> Values:
    """[seed, step]: the measure of each seed."""
    return values[..., 0].sum(-1) / values[..., 1].sum(-1)


def curve_of(name: str, plan: Plan, values: Values) -> Curve:
    """One side's curve."""
    found = interval(*drawn(values))
    parts = (found.mean.tolist(), found.low.tolist(), found.high.tolist(), each_seed(values).tolist())
    return Curve(name, plan.saved, *parts)


def signed(value: float) -> str:
    """A difference; 0 if it is below the fourth decimal."""
    return f"{value:+.4f}" if abs(value) >= 5e-5 else "0"


def table_rows(technique: str, measure: str, found: dict[str, Values]) -> list[str]:
    """The rows of the last weights, TRL's first."""
    rows: list[str] = []
    trl_mean, trl_draws = drawn(found["trl"])
    for side in (side for side in ORDER if side in found):
        mean, draws = drawn(found[side])
        own, apart = interval(mean, draws), interval(mean - trl_mean, draws - trl_draws)
        cells = [TITLES[technique], measure, label(technique, side), f"{mean[0]:.3f}", f"{mean[-1]:.3f}"]
        cells.append(f"{own.low[-1]:.3f} to {own.high[-1]:.3f}")
        if side == "trl":
            cells += ["", "", ""]
        else:
            seeds = (each_seed(found[side]) - each_seed(found["trl"]))[:, -1]
            low, high = signed(apart.low[-1]), signed(apart.high[-1])
            cells += [signed(apart.mean[-1]), low if low == high else f"{low} to {high}", ", ".join(map(signed, seeds))]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def compared(task: Task, out: Path, peer_python: str) -> list[str]:
    """Train and measure one technique, and draw its figure; the rows of the table."""
    plan, values = task.plan, values_of(task, peer_python)
    sides = [side for side in ORDER if side in values]
    panels = [
        Panel(measure, [curve_of(label(task.technique, side), plan, values[side][measure]) for side in sides])
        for measure in plan.measures
    ]
    seeds = len(task.seeds)
    note = f"Thick: mean of {seeds} seed{'s' * (seeds > 1)}. Thin: each seed. Band: 95% over held-out items."
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{task.technique}.svg").write_text(
        figure(f"{TITLES[task.technique]}, held out", note, panels), encoding="utf-8"
    )
    return [
        row
        for measure in plan.measures
        for row in table_rows(task.technique, measure, {side: values[side][measure] for side in sides})
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, eight steps, few items")
    parser.add_argument("--technique", choices=list(PLANS), action="append", help="only this one")
    parser.add_argument("--peer-python", help="Python of an environment with TRL 1.9, for PPO")
    parser.add_argument("--out", type=Path, default=Path("learning"), help="folder of the figures")
    parser.add_argument("--work", type=Path, help="folder of weights and values; what it has is not made again")
    chosen = parser.parse_args(arguments)
    if "ppo" in (chosen.technique or ()) and not chosen.peer_python:
        parser.error("--technique ppo needs --peer-python: see bench/requirements-ppo.txt")
    techniques = chosen.technique or [name for name in PLANS if name != "ppo" or chosen.peer_python]
    data_folder()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.work or Path(temporary)
        if not (folder / "model").exists():
            write_data(folder)
        print(HEAD, flush=True)
        for technique in techniques:
            task = Task(str(folder), technique, "", (0,) if chosen.quick else (0, 1, 2), chosen.quick)
            for row in compared(task, chosen.out, chosen.peer_python):
                print(row, flush=True)
            print(f"{technique}: {time.monotonic() - started:.0f} s so far", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
