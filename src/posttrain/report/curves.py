"""The curves of a training stage, each with a sentence on how to read it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from posttrain.report.charts.lines import Series, line_chart

MOST_LINES = 4
"""The most lines in one chart; further ones follow in another chart of the same name."""


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics that one chart shows.

    Args:
        title: in plain words, with the field's term.
        names: pattern of the metric's name → its label; ``{}`` is the pattern's group.
        aid: how to read the chart.
        unless: pattern of metrics in whose presence the chart says nothing new.
        only: pattern of a metric without which the chart has no meaning.
    """

    title: str
    names: Mapping[str, str]
    aid: str
    unless: str | None = None
    only: str | None = None


FAMILIES = (
    Family(
        "Loss",
        {"loss": "training", "eval_loss": "held out"},
        "Lower is better. If the held-out line rises while the training line falls, the model learns rows by heart.",
        unless="approx_kl",
    ),
    Family(
        "Loss of each update",
        {"loss": "training"},
        "In reinforcement learning it moves around 0 and says little about quality. Read the reward instead.",
        only="approx_kl",
    ),
    Family(
        "Loss on tasks that training never sees",
        {"eval_unseen_(.+)_loss": "unseen {}"},
        "Lower is better. A falling line shows that what was learnt carries over to new tasks.",
    ),
    Family(
        "Preferred answers recognised (accuracy)",
        {"(?:rewards/accuracies|accuracy)": "training", "eval_(?:rewards/accuracies|accuracy)": "held out"},
        "The share of pairs in which the preferred answer gets the higher score. 0.5 is guessing, 1 is every pair.",
    ),
    Family(
        "Score of preferred and rejected answers",
        {"rewards/(chosen)": "preferred", "rewards/(rejected)": "rejected"},
        "The gap should grow. If both lines fall far, the model also unlearns the preferred answers.",
    ),
    Family(
        "Reward",
        {"reward": "training", "eval_reward": "held out"},
        "Higher is better if the reward measures what you want. Read it beside the answers, the KL and the length.",
        unless="accuracy",
    ),
    Family(
        "Reward by component",
        {"rewards/(.+)/mean": "{}", "eval_rewards/(?!chosen|rejected|margins|accuracies)(.+)": "{}, held out"},
        "One line for each part of the reward. A part that rises while another falls shows what the model gives up.",
    ),
    Family(
        "Measure that training never sees (gold)",
        {"(?:eval_)?gold/(.+)": "{}"},
        "It should rise with the reward. If it falls while the reward rises, the model exploits the reward.",
    ),
    Family(
        "Distance from the start model (KL)",
        {"objective/kl": "training", "kl": "training", "eval_kl": "held out"},
        "It should rise slowly and level off. A jump means that the model left the language of its start model.",
    ),
    Family(
        "Change in each step (approximate KL)",
        {"approx_kl": "training"},
        "It should stay small and even. A jump means that one step changed the model too much.",
        unless="objective/kl|kl",
    ),
    Family(
        "Length of answers in tokens",
        {"completions/mean_length": "training", "eval_completions/mean_length": "held out"},
        "Steady growth without better answers means that the reward prefers long answers.",
    ),
    Family(
        "Variety of answers (entropy)",
        {"entropy": "training"},
        "A slow fall is normal. A fall to 0 means that the model always gives the same answer and learns no more.",
    ),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A chart with its reading aid."""

    title: str
    chart: Markup
    aid: str


def curves_of(metrics: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """The charts of a stage's metrics."""
    drawn: list[Curve] = []
    for family, series in series_of(metrics):
        for start in range(0, len(series), MOST_LINES):
            part = series[start : start + MOST_LINES]
            drawn.append(Curve(family.title, line_chart(family.title, part), f"{_ends(part[0])} {family.aid}"))
    return drawn


def series_of(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[Family, list[Series]]]:
    """The lines of a stage's metrics, by what they show."""
    names = list(dict.fromkeys(name for row in metrics for name in row))
    shown = (f for f in FAMILIES if not _has(names, f.unless) and (f.only is None or _has(names, f.only)))
    return [(family, _series(family, names, metrics)) for family in shown]


def _has(names: Sequence[str], pattern: str | None) -> bool:
    return pattern is not None and any(re.fullmatch(pattern, name) for name in names)


def _series(family: Family, names: Sequence[str], metrics: Sequence[Mapping[str, Any]]) -> list[Series]:
    found: dict[str, Series] = {}
    for pattern, label in family.names.items():
        for name in names:
            match = re.fullmatch(pattern, name)
            if match is None:
                continue
            text = label.format(*(group.replace("_", " ") for group in match.groups()))
            points = [(float(row["step"]), float(row[name])) for row in metrics if _number(row.get(name))]
            if len(points) > 1:
                found.setdefault(text, Series(text, points))
    return list(found.values())


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < float("inf")


def _ends(series: Series) -> str:
    return f"From {series.points[0][1]:.3g} to {series.points[-1][1]:.3g} ({series.label})."
