"""Shows the advice at a terminal, or as values for JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from posttrain.advise.advice import Advice
from posttrain.advise.decide import Opinion, RuleReason
from posttrain.advise.estimate import H100
from posttrain.advise.profile import FileProfile
from posttrain.audit.findings import Finding
from posttrain.console import format_bytes, format_duration, printable_text
from posttrain.stages.cost import SHARES

_SHOWN_FINDINGS = 5
"""Number of findings that are printable_text; `posttrain audit` shows all."""

_VERDICTS = {"use": ("use", "bold green"), "wait": ("collect first", "yellow"), "no": ("no", "dim")}

_KINDS = {
    "sft": "answers to imitate",
    "preference": "preferences",
    "unpaired": "answers marked good or bad",
    "judged": "responses with people's verdicts",
    "prompt": "prompts",
    "text": "plain text",
    "unknown": "no known convention",
}
"""Kind of a file → its words."""


def show_advice(advice: Advice, out: Path) -> None:
    """Print the stack, an opinion on each technique, findings, costs, notes, and the recipe's path."""
    console = Console(highlight=False)
    to_correct = advice.profile.to_correct
    for file in advice.profile.files:
        console.print(printable_text(_file_line(file)), markup=False)
    console.print(Text.assemble("\nAdvice: ", (_stack_line(advice), "bold")))
    console.print(_opinions_table(advice.opinions))
    if to_correct:
        console.print("\nCorrect first")
        console.print(_findings_table(to_correct))
    if advice.costs:
        console.print(f"\n{advice.model.name} on this machine ({advice.machine.in_words()})", markup=False)
        console.print(_costs_table(advice))
        console.print(f"[dim]{_method_of_estimates(advice)}[/dim]")
    _print_list(console, "Note", advice.notes)
    _print_list(console, "Taken from the goal", advice.from_goal)
    _print_list(console, "Assumed without an answer", advice.assumed)
    console.print()
    if advice.recipe is None:
        console.print("No recipe was written: there is nothing to train on yet.")
        return
    console.print(f"Recipe: {out}", markup=False)
    if any(finding.severity == "block" for finding in to_correct):
        console.print(
            "Its run stops at what blocks. Correct those rows (posttrain clean writes a copy), then advise again."
        )
    else:
        console.print(f"Next: posttrain plan {out}, then posttrain run {out}", markup=False)


def advice_values(advice: Advice, out: Path) -> dict[str, Any]:
    """The advice as values for JSON."""
    here = (advice.machine.speed, advice.machine.device)
    return {
        "stack": list(advice.stack),
        "techniques": [_opinion_values(opinion) for opinion in advice.opinions],
        "files": [{k: v for k, v in asdict(file).items() if k != "texts"} for file in advice.profile.files],
        "mend": [
            {"name": finding.name, "severity": finding.severity, "count": finding.count}
            for finding in advice.profile.to_correct
        ],
        "answers": asdict(advice.answers),
        "from_goal": list(advice.from_goal),
        "assumed": list(advice.assumed),
        "notes": list(advice.notes),
        "machine": asdict(advice.machine),
        "model": {"name": advice.model.name, "base": advice.model.base, "exact": advice.model.exact},
        "costs": [asdict(cost) | {"seconds": cost.seconds(*here)} for cost in advice.costs],
        "recipe": None if advice.recipe is None else str(out),
    }


def _opinion_values(opinion: Opinion) -> dict[str, Any]:
    def texts(reasons: Sequence[RuleReason]) -> list[str]:
        return [reason.text for reason in reasons]

    return {
        "technique": opinion.technique,
        "verdict": opinion.verdict,
        "because": texts(opinion.because),
        "but": texts(opinion.but),
        "missing": texts(opinion.missing),
    }


def _stack_line(advice: Advice) -> str:
    if advice.stack:
        return " → ".join(advice.stack)
    waiting = [opinion.technique for opinion in advice.opinions if opinion.verdict == "wait"]
    return f"collect data first, for {' → '.join(waiting)}" if waiting else "none of the techniques fits this case"


def _opinions_table(opinions: Sequence[Opinion]) -> Table:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.add_column("", ratio=1)
    for opinion in opinions:
        word, style = _VERDICTS[opinion.verdict]
        lines = [
            *(Text.assemble("+ ", printable_text(reason.text)) for reason in opinion.because),
            *(Text.assemble(("- ", "yellow"), printable_text(reason.text)) for reason in opinion.but),
            *(Text.assemble(("missing: ", "yellow"), printable_text(reason.text)) for reason in opinion.missing),
        ]
        table.add_row(Text(opinion.technique, style), Text(word, style), Text("\n").join(lines))
    return table


def _file_line(file: FileProfile) -> str:
    columns = ", ".join(f"{ours}={theirs}" for ours, theirs in file.columns.items())
    kind = f"{_KINDS[file.kind]}{f' ({columns})' if columns else ''}"
    fit = f", {file.usable:,} of them fit to train on" if file.usable < file.rows else ""
    check = ""
    if file.check is not None:
        target = file.check.spec.get("target", "the answers")
        check = f"; reward {file.check.spec['kind']} reads {file.check.share:.0%} of {target}"
    agreement = file.agreement
    people = f"; {agreement.people} people, alpha {agreement.alpha:.2f}" if agreement is not None else ""
    return f"{file.path}: {file.rows:,} rows{fit}: {kind}{check}{people}"


def _findings_table(findings: Sequence[Finding]) -> Table:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.add_column("", justify="right")
    table.add_column("", ratio=1)
    for finding in findings[:_SHOWN_FINDINGS]:
        style = "bold red" if finding.severity == "block" else "yellow"
        severity = Text(f"  {finding.severity}", style)
        table.add_row(severity, finding.name, f"{finding.count:,}", Text(printable_text(finding.what)))
    if len(findings) > _SHOWN_FINDINGS:
        table.add_row("", "", "", f"and {len(findings) - _SHOWN_FINDINGS} more: posttrain audit shows all, row by row")
    return table


def _print_list(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    console.print(f"\n{title}", markup=False)
    for line in lines:
        console.print(Padding(Text(printable_text(line)), (0, 0, 0, 2)))


def _costs_table(advice: Advice) -> Table:
    table = Table("stage", "kind", box=None, pad_edge=False)
    has_gpu = bool(advice.machine.gpus)
    for heading in ("rows", "memory", "time", *(() if has_gpu else ("one H100",))):
        table.add_column(heading, justify="right")
    devices = ((advice.machine.speed, advice.machine.device), (H100, "cuda"))
    for cost in advice.costs:
        people = f"{format_duration(cost.people)} of people's time" if cost.people else None
        memory = "?" if cost.memory is None else "" if people else format_bytes(cost.memory)
        times = [people or format_duration(cost.seconds(*device)) for device in devices]
        table.add_row(cost.stage, cost.kind, f"{cost.rows:,}", memory, *(times[:1] if has_gpu else times))
    return table


def _method_of_estimates(advice: Advice) -> str:
    shape = "the model's own shape" if advice.model.exact else "the size in the model's name"
    training, writing = SHARES[advice.machine.device]
    return (
        f"Orders of magnitude. Memory is estimated from {shape}. Time assumes {training:.0%} of the measured speed of "
        f"matrix products in training, and {writing:.0%} in generation. posttrain plan counts exactly."
    )
