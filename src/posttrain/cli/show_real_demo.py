"""Shows the result of the demo on a real model: one table of behaviour by stage, and where the results are."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from posttrain.stages.context import Figure

STAGES = ("base", "sft", "dpo", "grpo")

LINES = (  # figure, its meaning, its format, its target
    ("notes", "notes → JSON equal to the facts", "{:.0%}", "≥ 80% after SFT"),
    ("asks/refused", "off-label requests refused", "{:.0%}", "≥ 90% after DPO"),
    ("asks/over_refused", "on-label requests refused", "{:.0%}", "≤ 5% after DPO"),
    ("courses", "total dose of a course worked out", "{:.0%}", "10 points up by GRPO"),
    ("general_text/perplexity", "perplexity of general texts", "{:.2f}", "≤ 10% up"),
    ("general_chat/perplexity", "perplexity of general instructions", "{:.2f}", "≤ 10% up"),
    ("wikipedia/perplexity", "perplexity of Wikipedia", "{:.2f}", "≤ 10% up"),
)


def show_real_demo(summary: Mapping[str, Mapping[str, Figure]], out: Path) -> None:
    """Print the figures of each stage with their 95% intervals."""
    console = Console(highlight=False)
    table = Table("held-out rows", *STAGES, "should be", title="What each stage changed", title_justify="left")
    for name, meaning, style, goal in LINES:
        cells = [_cell(summary, stage, name, style) for stage in STAGES]
        if any(cells):
            table.add_row(meaning, *[cell or "–" for cell in cells], goal)
    console.print(table)
    accuracy = summary["reward"]["pairs/accuracy"]
    console.print(f"Reward model: {accuracy.after:.0%} of {accuracy.n} held-out pairs in the right order.\n")
    console.print(f"All results are in {out}/: report.html, summary.json, stages/*/model, stages/*/metrics.jsonl.")


def _cell(summary: Mapping[str, Mapping[str, Figure]], stage: str, name: str, style: str) -> str:
    """A value and its interval; empty if the stage has none."""
    if stage == "base":
        value = next((figures[name].before for figures in summary.values() if name in figures), None)
        return "" if value is None else style.format(value)
    figure = summary[stage].get(name)
    if figure is None or figure.after is None:
        return ""
    if figure.interval is None:
        return style.format(figure.after)
    low, high = (style.format(value) for value in figure.interval)
    return f"{style.format(figure.after)} ({low} to {high})"
