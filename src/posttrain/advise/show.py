"""The advice at a terminal and as JSON, and the table of rules that it follows."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from posttrain.advise.advice import Advice
from posttrain.advise.decide import Opinion
from posttrain.advise.estimate import H100
from posttrain.advise.profile import File
from posttrain.advise.rules import FACTS, SPEAKS, TECHNIQUES, Technique
from posttrain.audit.findings import Finding
from posttrain.console import format_bytes, format_duration, printable_text
from posttrain.stages.cost import SHARES

_WORST = 5
"""Findings that are told; the audit tells all."""

_VERDICTS = {"use": ("use", "bold green"), "wait": ("collect first", "yellow"), "no": ("no", "dim")}


def show(advice: Advice, out: Path) -> None:
    """What to do, why, what speaks against the others, what is missing, what it takes, and where the recipe is."""
    console = Console(highlight=False)
    for file in advice.seen.files:
        console.print(printable_text(_file(file)), markup=False)
    console.print(Text.assemble("\nAdvice: ", (_advice(advice), "bold")))
    console.print(_opinions(advice.opinions))
    if mend := _to_mend(advice):
        console.print("\nMend first")
        console.print(_findings(mend))
    if advice.costs:
        console.print(f"\n{advice.model.name} on this machine ({advice.machine.told()})", markup=False)
        console.print(_costs(advice))
        console.print(f"[dim]{_how(advice)}[/dim]")
    _list(console, "Note", advice.notes)
    _list(console, "Taken from the goal", advice.told)
    _list(console, "Assumed, for want of an answer", advice.assumed)
    console.print()
    if advice.recipe is None:
        console.print("No recipe was written: there is nothing to train on yet.")
    else:
        console.print(f"Recipe: {out}", markup=False)
        if any(one.severity == "block" for one in mend):
            console.print(
                "Its run stops at what blocks. Correct those rows (posttrain clean writes a copy), then advise again."
            )
        else:
            console.print(f"Next: posttrain plan {out}, then posttrain run {out}", markup=False)


def print_json(advice: Advice, out: Path) -> None:
    """The same for programs."""
    here = (advice.machine.speed, advice.machine.device)
    found = {
        "stack": list(advice.stack),
        "techniques": [asdict(opinion) for opinion in advice.opinions],
        "files": [{k: v for k, v in asdict(file).items() if k != "texts"} for file in advice.seen.files],
        "mend": [{"name": one.name, "severity": one.severity, "count": one.count} for one in _to_mend(advice)],
        "answers": asdict(advice.answers),
        "from_goal": list(advice.told),
        "assumed": list(advice.assumed),
        "notes": list(advice.notes),
        "machine": asdict(advice.machine),
        "model": {"name": advice.model.name, "base": advice.model.base, "exact": advice.model.exact},
        "costs": [asdict(cost) | {"seconds": cost.seconds(*here)} for cost in advice.costs],
        "recipe": None if advice.recipe is None else str(out),
    }
    print(json.dumps(found, indent=2, ensure_ascii=False))


def explain(*, to_json: bool) -> None:
    """The table of rules."""
    if to_json:
        found = {"techniques": [asdict(technique) for technique in TECHNIQUES], "facts": dict(FACTS)}
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for technique in TECHNIQUES:
        console.print(_explained(technique))
    console.print(
        "A technique is advised if something speaks for it, all it needs is there and nothing blocks it. Stacks: SFT "
        "or IFT first, then DPO or RLHF for judgement, then GRPO for what can be checked."
    )


def _explained(technique: Technique) -> Table:
    table = Table(title=Text(f"{technique.name}: {technique.what}", "bold"), title_justify="left")
    table.add_column("")
    table.add_column("", ratio=1)
    table.show_header = False
    for name in ("data", "complexity", "best_for"):
        table.add_row(name.replace("_", " "), Text(getattr(technique, name)))
    for speaks in SPEAKS:
        held = [f"• {FACTS[fact]}" for fact in technique.rules[speaks]]
        table.add_row(speaks, Text("\n".join(held)))
    return table


def _advice(advice: Advice) -> str:
    if advice.stack:
        return " → ".join(advice.stack)
    waiting = [opinion.technique for opinion in advice.opinions if opinion.verdict == "wait"]
    return f"collect data first, for {' → '.join(waiting)}" if waiting else "none of the five, as things stand"


def _opinions(some: Sequence[Opinion]) -> Table:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.add_column("", ratio=1)
    for opinion in some:
        word, style = _VERDICTS[opinion.verdict]
        lines = [
            *(Text.assemble("+ ", printable_text(reason)) for reason in opinion.because),
            *(Text.assemble(("- ", "yellow"), printable_text(reason)) for reason in opinion.but),
            *(Text.assemble(("missing: ", "yellow"), printable_text(reason)) for reason in opinion.missing),
        ]
        table.add_row(Text(opinion.technique, style), Text(word, style), Text("\n").join(lines))
    return table


def _file(file: File) -> str:
    kind = {
        "sft": "answers to imitate",
        "preference": "preferences",
        "judged": "responses with people's verdicts",
        "prompt": "prompts",
        "text": "plain text",
        "unknown": "no known convention",
    }[file.kind]
    columns = ", ".join(f"{ours}={theirs}" for ours, theirs in file.columns.items())
    fit = f", {file.usable:,} of them fit to train on" if file.usable < file.rows else ""
    check = ""
    if file.check is not None:
        against = file.check.spec.get("target", "the answers")
        check = f"; reward {file.check.spec['kind']} reads {file.check.share:.0%} of {against}"
    said = file.agreement
    agree = f"; {said.people} people, alpha {said.alpha:.2f}" if said is not None else ""
    return f"{file.path}: {file.rows:,} rows{fit}: {kind}{f' ({columns})' if columns else ''}{check}{agree}"


def _to_mend(advice: Advice) -> list[Finding]:
    """What blocks or is worth mending, the worst first."""
    return [] if advice.seen.report is None else [one for one in advice.seen.report.findings if one.severity != "info"]


def _findings(some: Sequence[Finding]) -> Table:
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.add_column("", justify="right")
    table.add_column("", ratio=1)
    for one in some[:_WORST]:
        style = "bold red" if one.severity == "block" else "yellow"
        table.add_row(Text(f"  {one.severity}", style), one.name, f"{one.count:,}", Text(printable_text(one.what)))
    if len(some) > _WORST:
        table.add_row("", "", "", f"and {len(some) - _WORST} more: posttrain audit shows all, row by row")
    return table


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    console.print(f"\n{title}", markup=False)
    for line in lines:
        console.print(Padding(Text(printable_text(line)), (0, 0, 0, 2)))


def _costs(advice: Advice) -> Table:
    table = Table("stage", "kind", box=None, pad_edge=False)
    slow = not advice.machine.gpus
    for heading in ("rows", "memory", "time", *(("one H100",) if slow else ())):
        table.add_column(heading, justify="right")
    wheres = ((advice.machine.speed, advice.machine.device), (H100, "cuda"))
    for cost in advice.costs:
        people = f"{format_duration(cost.people)} of people" if cost.people else None
        memory = "?" if cost.memory is None else "" if people else format_bytes(cost.memory)
        times = [people or format_duration(cost.seconds(*where)) for where in wheres]
        table.add_row(cost.stage, cost.kind, f"{cost.rows:,}", memory, *(times if slow else times[:1]))
    return table


def _how(advice: Advice) -> str:
    shape = "the model's own shape" if advice.model.exact else "the size in the model's name"
    training, writing = SHARES[advice.machine.device]
    return (
        f"Orders of magnitude. Memory: from {shape}. Time: every token times every weight, at {training:.0%} of the "
        f"measured speed of matrix products, {writing:.0%} while writing. posttrain plan counts exactly."
    )
