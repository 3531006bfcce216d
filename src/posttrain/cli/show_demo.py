"""Shows the demo's result: tables of behaviour by stage, and answers of all stages side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posttrain.console import printable_text
from posttrain.evaluate.behaviour import saved_samples
from posttrain.evaluate.run_behaviour import behaviour_folder
from posttrain.evaluate.sample import Sample
from posttrain.stages.context import Figure

STAGES = ("base", "sft", "ift", "dpo")

LINES = (  # figure, its meaning, its expected value
    ("facts", "notes → JSON equal to the facts", "≥ 90% after SFT"),
    ("instructions_seen", "eight tasks, in trained wordings", ""),
    ("instructions_unseen", "the same tasks, in wordings never trained", "within 5 points after IFT"),
    ("asks/refused", "off-label requests refused", "≥ 90% after DPO"),
    ("asks/over_refused", "on-label requests refused", "≤ 5% after DPO"),
)

OWN_ANSWERS = (  # stage, figure, its meaning, its format, its expected change
    ("grpo", "orders", "orders → JSON with the computed total", "{:.0%}", "20 points up"),
    ("ppo", "eval_reward", "replies: score of the reward model", "{:.2f}", "up"),
    ("ppo", "eval_gold/rule", "replies: score of house style, never trained on", "{:.2f}", "not down"),
    ("ppo", "eval_kl", "replies: KL to the model before PPO, nats", "{:.1f}", "≤ 10"),
)
"""The figures of the two stages that train on the model's own answers."""

EXAMPLES = (
    ("facts", STAGES, "sft"),
    ("instructions_unseen", STAGES, "ift"),
    ("asks", STAGES, "dpo"),
    ("orders", ("base", "orders", "grpo"), "grpo"),
)
"""(suite, stages whose answers to one question are shown, stage that teaches the answer)."""

Summary = Mapping[str, Mapping[str, Figure]]


def show_demo(summary: Summary, out: Path, *, ranked: int) -> None:
    """Print the tables, the reward model's figures, and the paths of the results.

    Args:
        ranked: number of the reward model's rankings that the user made.
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
        f"(the rule that the longer draft is better: {longer.after:.0%}).\n"
        f"{f'You ranked {ranked} of its reports; the other rankings' if ranked else 'The rankings'} "
        "are simulated by rule.\n"
    )
    for suite, stages, teacher in EXAMPLES:
        console.print(_example(out, suite, stages, teacher))
    console.print(f"All results are in {out}/: summary.json, manifest.json, stages/*/model, stages/*/metrics.jsonl.")


def _own_answers(summary: Summary) -> Table:
    """The figures before and after the stages that train on the model's own answers."""
    table = Table("held-out prompts", "stage", "before", "after", "should be", title_justify="left")
    table.title = "Learnt from the model's own answers"
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
    """The answers of all stages to one question.

    A question is preferred that is wrong before the stage `teacher`, right from it on, and not one to be answered
    where others are to be refused.
    """
    answers = {stage: saved_samples(behaviour_folder(out, stage), suite) for stage in stages}
    since = stages.index(teacher)
    each = list(zip(*answers.values(), strict=True))
    expected = [number >= since for number in range(len(stages))]
    taught = [samples for samples in each if [_right(sample) for sample in samples] == expected]
    refusals = [samples for samples in taught if samples[0].expected == "refuse"]
    chosen = next(iter([*refusals, *taught]), each[0])[0].id
    shown_samples = {stage: next(s for s in samples if s.id == chosen) for stage, samples in answers.items()}
    table = Table("", "", title=f"For example, {suite}", title_justify="left", show_header=False, show_lines=True)
    table.add_row("question", Text(printable_text(shown_samples[stages[-1]].question)))
    for stage, sample in shown_samples.items():
        table.add_row(stage, Text(printable_text(sample.answer)))
    return table


def _right(sample: Sample) -> bool:
    """Whether an answer gets full points, or the label that is expected."""
    if sample.label is not None:
        return sample.label == ("full_refusal" if sample.expected == "refuse" else "compliance")
    return all(value == 1.0 for value in sample.values.values())
