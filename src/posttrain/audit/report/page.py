"""The audit report as one self-contained HTML page without scripts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from posttrain.audit.findings import ORDER, Finding
from posttrain.audit.run import AuditReport

ROWS_SHOWN = 300
"""The most places of a finding that the page lists; ``findings.json`` has all."""


NONE: Mapping[str, str] = {}
"""No waivers."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: its label, its value as shown, and its length from 0 to 1."""

    label: str
    value: str
    length: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart: its heading, a sentence on how to read it, and its bars."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    upright: bool = False


def report_page(report: AuditReport, waived: Mapping[str, str] = NONE) -> str:
    """The HTML of the page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    total = sum(about["rows"] for about in report.files.values())

    def severity_of(finding: Finding) -> str:
        return severities.get(finding.name, finding.severity)

    def share(finding: Finding) -> float:
        return min(1.0, len(finding.rows) / max(1, total))

    names = short_names({where.rpartition(":")[0] for finding in report.findings for where in finding.rows})

    def short(place: str) -> str:
        file, _, line = place.rpartition(":")
        return f"{names[file]}:{line}" if file in names else names.get(place, place)

    def first_rows(rows: Sequence[str]) -> dict[str, list[str]]:
        return grouped(rows[:ROWS_SHOWN])

    template = environment.from_string(files("posttrain").joinpath("audit/report/page.html.jinja").read_text("utf-8"))
    severities = {f.name: "waived" if f.name in waived else f.severity for f in report.blocking}
    counts = {severity: sum(f.severity == severity for f in report.findings) for severity in ORDER}
    stops = any(severity == "block" for severity in severities.values())
    return template.render(
        report=report,
        subject=", ".join(PurePath(path).name for path, about in report.files.items() if not about["evaluation"]),
        short=short,
        severity_of=severity_of,
        counts=counts,
        stops=stops,
        reasons=waived,
        charts=charts(report),
        facts=facts(report.figures),
        shown=ROWS_SHOWN,
        share=share,
        grouped=first_rows,
    )


def short_names(files: Collection[str]) -> dict[str, str]:
    """File → its name without folders; the whole path if two files have the same name."""
    counts = Counter(PurePath(file).name for file in files)
    return {file: name if counts[name := PurePath(file).name] == 1 else file for file in files}


def grouped(rows: Collection[str]) -> dict[str, list[str]]:
    """File → its lines, from places as ``file:line``."""
    lines: dict[str, list[str]] = {}
    for where in rows:
        file, _, line = where.rpartition(":")
        lines.setdefault(file, []).append(line)
    return lines


def facts(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of each figure that the page shows as a number."""
    pairs: list[tuple[str, str]] = []
    if breadth := figures.get("breadth"):
        pairs.append(("effective number of tasks", f"{breadth['effective_tasks']:.1f}"))
        pairs.append(("different prompts", f"{breadth['distinct_prompts']:,}"))
        pairs.append(("phrasings per request", f"{breadth['phrasings_per_request']:.1f}"))
        low, _, high = breadth["grades"]
        pairs.append(("school grades of the prompts", f"{low:.0f} to {high:.0f}"))
    if budget := figures.get("budget"):
        pairs.append(("training groups", f"{budget['kept']:,}"))
        pairs.append(("training tokens", f"{budget['tokens']:,}"))
        pairs.append(("rows left out", f"{sum(budget['left_out'].values()):,}"))
    if "pairs" in figures:
        pairs.append(("pairs", f"{figures['pairs']:,}"))
    for key, name in (("chosen_longer", "longer answer preferred"), ("first_preferred", "first answer preferred")):
        if share := figures.get(key):
            low, high = share["interval"]
            pairs.append((f"{name}, {low:.0%} to {high:.0%}", f"{share['share']:.1%}"))
    if "length_only_accuracy" in figures:
        pairs.append(("accuracy by length alone", f"{figures['length_only_accuracy']:.1%}"))
    return pairs


def charts(report: AuditReport) -> list[Chart]:
    """The charts of the figures that have one."""
    figures = report.figures
    drawn = [
        _histogram(f"Length of {name}s", lengths)
        for name, lengths in figures.get("lengths", {}).items()
        if len(lengths["counts"]) > 1
    ]
    if breadth := figures.get("breadth"):
        drawn.append(_bars("Kinds of task", "Share of prompts that use the words of each kind.", breadth["task_types"]))
        drawn.append(_bars("Most frequent requests", "Share of prompts with these words.", breadth["requests"]))
    if forms := figures.get("answer_forms"):
        total = sum(forms.values())
        shares = {name: n / total for name, n in sorted(forms.items(), key=lambda item: -item[1])}
        drawn.append(_bars("Form of the answers", "Share of the answers.", shares))
    for name, labels in figures.get("labels", {}).items():
        total = sum(labels.values())
        ordered = sorted(labels.items(), key=lambda item: -item[1])
        drawn.append(_bars(f"Labels of {name}", "Share of the answers.", {k: n / total for k, n in ordered}))
    return drawn


def _bars(title: str, note: str, shares: Mapping[str, float]) -> Chart:
    most = max(shares.values(), default=1) or 1
    return Chart(title, note, tuple(Bar(name, f"{share:.1%}", share / most) for name, share in shares.items()))


def _histogram(title: str, lengths: Mapping[str, Any]) -> Chart:
    most = max(lengths["counts"])
    low, middle, high = lengths["quantiles"]
    note = f"Characters, on a logarithmic scale. The median is {middle:,}; 90% are between {low:,} and {high:,}."
    edges = [*zip(lengths["edges"], lengths["edges"][1:], strict=False)]
    bars = (
        Bar(f"{a:,} to {b - 1:,}" if b - a > 1 else f"{a:,}", f"{n:,}", n / most)
        for (a, b), n in zip(edges, lengths["counts"], strict=True)
    )
    return Chart(title, note, tuple(bars), upright=True)
