"""The demo's result as a person wants to see it: one table of behaviour by stage, one of answers side by side."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.screen import shown
from posttrain.stages.context import Figure

STAGES = ("base", "sft", "ift", "dpo")

LINES = (  # figure, what it says, what it should be at the end
    ("facts", "note → JSON equal to its facts", "≥ 90% after SFT"),
    ("instructions_seen", "seven tasks, wordings as trained", ""),
    ("instructions_unseen", "the same, wordings never trained", "within 5 points after IFT"),
    ("asks_refused/off-label", "off-label asks refused", "≥ 90% after DPO"),
    ("asks_refused/on-label", "on-label twins refused", "≤ 5% after DPO"),
)

EXAMPLES = ("facts", "instructions_unseen", "asks_refused")
"""Suites one question of which is shown with every stage's answer."""

Summary = Mapping[str, Mapping[str, Figure]]


def show_story(summary: Summary, out: Path) -> None:
    """Print both tables, the reward model's figures, and where everything is."""
    console = Console(highlight=False)
    table = Table("held-out rows", *STAGES, "should be", title="What each stage changed", title_justify="left")
    for name, meaning, goal in LINES:
        values = [_value(summary, stage, name) for stage in STAGES]
        table.add_row(meaning, *["–" if v is None else f"{v:.0%}" for v in values], goal)
    console.print(table)
    reward = summary["reward"]
    accuracy, longer = reward["eval_accuracy"], reward["eval_longer_wins_accuracy"]
    console.print(
        f"Reward model: {accuracy.after:.0%} of {accuracy.n} held-out pairs in the right order "
        f"(calling the longer draft better: {longer.after:.0%}).\n"
        "The people who ranked are simulated here, by rule.\n"
    )
    for suite in EXAMPLES:
        console.print(_example(out, suite))
    console.print(f"Everything is in {out}/: summary.json, manifest.json, stages/*/model, metrics.jsonl.")


def _value(summary: Summary, stage: str, name: str) -> float | None:
    if stage == "base":
        return next((figures[name].before for figures in summary.values() if name in figures), None)
    figure = summary[stage].get(name)
    return None if figure is None else figure.after


def _example(out: Path, suite: str) -> Table:
    """One question that the last stage gets right and the base does not, with every stage's answer."""
    answers = {stage: list(_samples(out, stage, suite)) for stage in STAGES}
    wanted = [sample["id"] for sample in answers["dpo"] if sample["slice"] != "on-label" and sample["value"] == 1.0]
    chosen = wanted[0] if wanted else answers["dpo"][0]["id"]
    found = {stage: next(s for s in samples if s["id"] == chosen) for stage, samples in answers.items()}
    table = Table("", "", title=f"For example, {suite}", title_justify="left", show_header=False, show_lines=True)
    table.add_row("asked", Text(shown(found["dpo"]["question"])))
    for stage, sample in found.items():
        table.add_row(stage, Text(shown(sample["answer"])))
    return table


def _samples(out: Path, stage: str, suite: str) -> Iterator[dict[str, str | float]]:
    folder = out / "base" if stage == "base" else out / "stages" / stage
    for line in (folder / "behaviour" / f"samples_{suite}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
