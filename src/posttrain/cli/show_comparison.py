"""The result of a comparison as a table, for people at a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from posttrain.evaluate.compare.result import PairsResult, PartResult
from posttrain.evaluate.compare.suites import MeasureComparison
from posttrain.pipeline.figure_cells import STYLES
from posttrain.statistics.estimate import Estimate


def show_pairs(result: PairsResult, models: Mapping[str, Any], folder: Path) -> None:
    """The win rate of A over all pairs and by slice, and what is known about the judge."""
    console = Console(highlight=False)
    console.print(f"A: {models['A']['name']}\nB: {models['B']['name']}", markup=False, soft_wrap=True)
    table = Table(title="win rate of A (ties count half)", title_justify="left")
    table.add_column("pairs", overflow="fold")
    for heading in ("win rate", "95% interval", "at equal length", "won", "lost", "tied", "not judged", "p"):
        table.add_column(heading, justify="right")
    for name, part in {"all": result.overall, **result.slices}.items():
        table.add_row(name, *_part_cells(part))
    Console(markup=False).print(table)
    for line in _judge_lines(result):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"The pairs are in {folder}/pairs.jsonl", markup=False, soft_wrap=True)


def show_measures(rows: Sequence[MeasureComparison], models: Mapping[str, Any], folder: Path) -> None:
    """One row for each measure of both models."""
    console = Console(highlight=False)
    console.print(f"A: {models['A']['name']}\nB: {models['B']['name']}", markup=False, soft_wrap=True)
    table = Table()
    table.add_column("measure", overflow="fold")
    for heading in ("A", "B", "A - B", "95% interval", "n", "better", "p", "p (Holm)"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.key, *_measure_cells(row))
    Console(markup=False).print(table)
    console.print(f"The pairs of answers are in {folder}/pairs.jsonl", markup=False, soft_wrap=True)


def _part_cells(part: PartResult) -> tuple[str, ...]:
    wins = part.wins
    controlled = "–" if part.controlled is None else _figure(part.controlled.rate)
    counts = (wins.wins, wins.losses, wins.ties, wins.not_judged)
    return _share(wins.rate), _ends(wins.rate), controlled, *(f"{count:,}" for count in counts), _p(wins.p)


def _judge_lines(result: PairsResult) -> list[str]:
    lines: list[str] = []
    if result.position is not None:
        first, flips = result.position.first, result.position.flip_rate
        lines += [
            f"Verdicts that change with the order: {_figure(flips)} of {flips.n:,} pairs; they count as ties.",
            f"The answer shown first is preferred in {_figure(first)} of {first.n:,} replies that prefer one "
            f"(p {_p(result.position.p)}; 50% without position bias).",
        ]
    lines.append(f"The longer answer wins {_figure(result.longer)} of {result.longer.n:,} pairs with a winner.")
    people, longer = result.people, result.longer_by_people
    if people is not None and longer is None and people.among_people.value is not None:
        alpha = "" if people.alpha is None else f"; Krippendorff's alpha {people.alpha:.2f}"
        lines.append(f"People agree with each other in {_figure(people.among_people)} of their verdicts{alpha}.")
    if people is not None and longer is not None:
        kappa = "–" if people.kappa.value is None else f"{people.kappa.value:.2f}"
        lines += [
            f"Agreement with people: {_figure(people.agreement)} of {people.agreement.n:,} pairs, kappa {kappa}; "
            f"people with each other: {_figure(people.among_people)}.",
            f"By people's verdicts the longer answer wins {_figure(longer)}.",
        ]
    lines += [f"Not judged: {problem}: {count:,}" for problem, count in result.problems.items()]
    bounds = result.overall.wins.bounds
    if result.overall.wins.not_judged and bounds is not None:
        lines.append(
            f"If all pairs that were not judged were losses or wins of A, the win rate would be {bounds[0]:.1%} or "
            f"{bounds[1]:.1%}."
        )
    return lines


def _measure_cells(row: MeasureComparison) -> tuple[str, ...]:
    style, found = STYLES[row.unit], row.difference
    a, b = ("–" if value is None else f"{value:{style}}" for value in (row.a, row.b))
    if found is None:
        return a, b, "–", "", "0", row.better, "–", "–"
    ends = found.interval
    between = "" if ends is None else f"{ends[0]:+{style}} to {ends[1]:+{style}}"
    return (
        a,
        b,
        f"{found.difference:+{style}}",
        between,
        f"{found.n:,}",
        row.better,
        _p(found.p_two_sided),
        _p(row.p_holm),
    )


def _figure(estimate: Estimate) -> str:
    ends = _ends(estimate)
    return _share(estimate) + (f" ({ends})" if ends else "")


def _share(estimate: Estimate) -> str:
    return "–" if estimate.value is None else f"{estimate.value:.1%}"


def _ends(estimate: Estimate) -> str:
    return "" if estimate.interval is None else f"{estimate.interval[0]:.1%} to {estimate.interval[1]:.1%}"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
