"""A report as one HTML page that needs nothing else: no script, no font, no request."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from posttrain.audit.findings import ORDER, Finding
from posttrain.audit.run import AuditReport

ROWS_SHOWN = 300
"""Places of a finding that the page lists; ``findings.json`` has all."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: its label, its value as shown, and its length from 0 to 1."""

    label: str
    value: str
    length: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a heading, and a sentence on how to read them."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    upright: bool = False


def report_page(report: AuditReport, waived: Collection[str] = ()) -> str:
    """The HTML of the page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    total = sum(about["rows"] for about in report.files.values())

    def severity_of(one: Finding) -> str:
        return severities.get(one.name, one.severity)

    def share(one: Finding) -> float:
        return min(1.0, len(one.rows) / max(1, total))

    names = short_names({where.rpartition(":")[0] for one in report.findings for where in one.rows})

    def short(place: str) -> str:
        file, _, line = place.rpartition(":")
        return f"{names[file]}:{line}" if file in names else names.get(place, place)

    def first_rows(rows: Sequence[str]) -> dict[str, list[str]]:
        return grouped(rows[:ROWS_SHOWN])

    template = environment.from_string(files("posttrain").joinpath("audit/report/page.html.jinja").read_text("utf-8"))
    severities = {one.name: "waived" if one.name in waived else one.severity for one in report.blocking}
    counts = {severity: sum(one.severity == severity for one in report.findings) for severity in ORDER}
    stops = any(severity == "block" for severity in severities.values())
    return template.render(
        report=report,
        subject=", ".join(PurePath(path).name for path, about in report.files.items() if not about["evaluation"]),
        short=short,
        severity_of=severity_of,
        counts=counts,
        stops=stops,
        charts=charts(report),
        facts=facts(report.figures),
        shown=ROWS_SHOWN,
        share=share,
        grouped=first_rows,
    )


def short_names(files: Collection[str]) -> dict[str, str]:
    """File → its name without its folders; the whole path where two files have one name."""
    counts = Counter(PurePath(file).name for file in files)
    return {file: name if counts[name := PurePath(file).name] == 1 else file for file in files}


def grouped(rows: Collection[str]) -> dict[str, list[str]]:
    """File → its lines, of places as ``file:line``."""
    found: dict[str, list[str]] = {}
    for where in rows:
        file, _, line = where.rpartition(":")
        found.setdefault(file, []).append(line)
    return found


def facts(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured, each as a name and a value."""
    found: list[tuple[str, str]] = []
    if breadth := figures.get("breadth"):
        found.append(("effective number of tasks", f"{breadth['effective_tasks']:.1f}"))
        found.append(("different prompts", f"{breadth['distinct_prompts']:,}"))
        found.append(("phrasings a request", f"{breadth['phrasings_per_request']:.1f}"))
        low, _, high = breadth["grades"]
        found.append(("school grades of the wording", f"{low:.0f} to {high:.0f}"))
    if budget := figures.get("budget"):
        found.append(("rows to train on", f"{budget['kept']:,}"))
        found.append(("tokens to train on", f"{budget['tokens']:,}"))
        found.append(("rows left out", f"{sum(budget['left_out'].values()):,}"))
    if "pairs" in figures:
        found.append(("pairs", f"{figures['pairs']:,}"))
    for key, name in (("chosen_longer", "longer answer preferred"), ("first_preferred", "first answer preferred")):
        if share := figures.get(key):
            low, high = share["interval"]
            found.append((f"{name}, {low:.0%} to {high:.0%}", f"{share['share']:.1%}"))
    if "length_only_accuracy" in figures:
        found.append(("right by length alone", f"{figures['length_only_accuracy']:.1%}"))
    return found


def charts(report: AuditReport) -> list[Chart]:
    """Pictures of the figures that have one."""
    figures = report.figures
    found = [
        _histogram(f"Length of {name}s", some)
        for name, some in figures.get("lengths", {}).items()
        if len(some["counts"]) > 1
    ]
    if breadth := figures.get("breadth"):
        found.append(_bars("Kinds of task", "Share of prompts that use the words of each kind.", breadth["task_types"]))
        found.append(_bars("Most frequent requests", "Share of prompts that ask in these words.", breadth["requests"]))
    if forms := figures.get("answer_forms"):
        total = sum(forms.values())
        shares = {name: n / total for name, n in sorted(forms.items(), key=lambda item: -item[1])}
        found.append(_bars("Form of the answers", "Share of the answers.", shares))
    for name, labels in figures.get("labels", {}).items():
        total = sum(labels.values())
        ordered = sorted(labels.items(), key=lambda item: -item[1])
        found.append(_bars(f"Labels of {name}", "Share of the answers.", {k: n / total for k, n in ordered}))
    return found


def _bars(title: str, note: str, shares: Mapping[str, float]) -> Chart:
    most = max(shares.values(), default=1) or 1
    return Chart(title, note, tuple(Bar(name, f"{share:.1%}", share / most) for name, share in shares.items()))


def _histogram(title: str, some: Mapping[str, Any]) -> Chart:
    most = max(some["counts"])
    low, middle, high = some["quantiles"]
    note = f"Characters, on a logarithmic scale. Median {middle:,}; nine of ten between {low:,} and {high:,}."
    edges = [*zip(some["edges"], some["edges"][1:], strict=False)]
    bars = (
        Bar(f"{a:,} to {b - 1:,}" if b - a > 1 else f"{a:,}", f"{n:,}", n / most)
        for (a, b), n in zip(edges, some["counts"], strict=True)
    )
    return Chart(title, note, tuple(bars), upright=True)
