"""The demo's result as a person wants to see it: tables of behaviour by stage, and of answers side by side."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.console import printable_text
from posttrain.stages.context import Figure

STAGES = ("base", "sft", "ift", "dpo")

LINES = (  # figure, what it says, what it should be at the end
    ("facts", "note → JSON equal to its facts", "≥ 90% after SFT"),
    ("instructions_seen", "seven tasks, wordings as trained", ""),
    ("instructions_unseen", "the same, wordings never trained", "within 5 points after IFT"),
    ("asks_refused/off-label", "off-label asks refused", "≥ 90% after DPO"),
    ("asks_refused/on-label", "on-label twins refused", "≤ 5% after DPO"),
)

OWN_ANSWERS = (  # stage, figure, what it says, how it is written, what it should be
    ("grpo", "orders", "order → JSON, total worked out", "{:.0%}", "20 points up"),
    ("ppo", "eval_reward", "reply: the reward model's score", "{:.2f}", "up"),
    ("ppo", "eval_gold/rule", "reply: the house's rule, never learnt from", "{:.2f}", "not down"),
    ("ppo", "eval_kl", "reply: KL to how people write, nats", "{:.1f}", "≤ 10"),
)
"""What the two stages changed that learn from what the model itself writes."""

EXAMPLES = (
    ("facts", STAGES, "sft"),
    ("instructions_unseen", STAGES, "ift"),
    ("asks_refused", STAGES, "dpo"),
    ("orders", ("base", "orders", "grpo"), "grpo"),
)
"""Suites with one question shown: the stages whose answers are, and the stage that teaches it."""

Summary = Mapping[str, Mapping[str, Figure]]


def show_story(summary: Summary, out: Path, *, ranked: int) -> None:
    """Print the tables, the reward model's figures, and where everything is.

    Args:
        ranked: how many of the reward model's rankings a person made.
    """
    console = Console(highlight=False)
    table = Table("held-out rows", *STAGES, "should be", title="What each stage changed", title_justify="left")
    for name, meaning, goal in LINES:
        values = [_value(summary, stage, name) for stage in STAGES]
        table.add_row(meaning, *["–" if v is None else f"{v:.0%}" for v in values], goal)
    console.print(table)
    console.print(_own_answers(summary))
    reward = summary["reward"]
    accuracy, longer = reward["eval_accuracy"], reward["eval_longer_wins_accuracy"]
    console.print(
        f"Reward model: {accuracy.after:.0%} of {accuracy.n} held-out pairs in the right order "
        f"(calling the longer draft better: {longer.after:.0%}).\n"
        f"{f'You ranked {ranked} of its reports; those who ranked the others' if ranked else 'The people who ranked'} "
        "are simulated here, by rule.\n"
    )
    for suite, stages, teacher in EXAMPLES:
        console.print(_example(out, suite, stages, teacher))
    console.print(f"Everything is in {out}/: summary.json, manifest.json, stages/*/model, stages/*/metrics.jsonl.")


def _own_answers(summary: Summary) -> Table:
    """Before and after, where the model learnt from its own answers."""
    table = Table("held-out prompts", "stage", "before", "after", "should be", title_justify="left")
    table.title = "What it learnt from its own answers"
    for stage, name, meaning, style, goal in OWN_ANSWERS:
        figure = summary[stage][name]
        values = ["–" if v is None else style.format(round(v, 3) + 0.0) for v in (figure.before, figure.after)]
        table.add_row(meaning, stage, *values, goal)
    return table


def _value(summary: Summary, stage: str, name: str) -> float | None:
    if stage == "base":
        return next((figures[name].before for figures in summary.values() if name in figures), None)
    figure = summary[stage].get(name)
    return None if figure is None else figure.after


def _example(out: Path, suite: str, stages: Sequence[str], teacher: str) -> Table:
    """A question answered right from the stage that teaches it on, and wrong before; with every stage's answer."""
    answers = {stage: list(_samples(out, stage, suite)) for stage in stages}
    since = stages.index(teacher)
    each = list(zip(*answers.values(), strict=True))
    taught = [
        some for some in each if [one["value"] == 1.0 for one in some] == [i >= since for i in range(len(stages))]
    ]
    chosen = next((some for some in taught if some[0]["slice"] != "on-label"), each[0])[0]["id"]
    found = {stage: next(s for s in samples if s["id"] == chosen) for stage, samples in answers.items()}
    table = Table("", "", title=f"For example, {suite}", title_justify="left", show_header=False, show_lines=True)
    table.add_row("asked", Text(printable_text(found[stages[-1]]["question"])))
    for stage, sample in found.items():
        table.add_row(stage, Text(printable_text(sample["answer"])))
    return table


def _samples(out: Path, stage: str, suite: str) -> Iterator[dict[str, str | float]]:
    folder = out / "base" if stage == "base" else out / "stages" / stage
    for line in (folder / "behaviour" / f"samples_{suite}.jsonl").read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
