"""The plan of a run as a table, for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from posttrain.console import format_bytes, format_duration
from posttrain.pipeline.plan import StagePlan

HEADINGS = ("stage", "kind", "from", "rows", "held out", "tokens", "steps", "memory")


def plan_rows(plans: Sequence[StagePlan]) -> list[tuple[str, ...]]:
    """A row of cells for each stage, as `HEADINGS` names them."""
    return [_row(plan) for plan in plans]


def plan_lines(plan: StagePlan) -> Iterator[str]:
    """What to know about a stage beside its row, in sentences; a stage that does not fit comes first."""
    if plan.does_not_fit is not None:
        yield plan.does_not_fit
    if plan.seconds is not None:
        disk = "" if plan.disk_bytes is None else f", disk: {format_bytes(plan.disk_bytes)}"
        yield f"time: {format_duration(plan.seconds)}{disk} (orders of magnitude)"
    if plan.max_length is not None:
        yield f"answers end with {', '.join(plan.stops_on)}; at most {plan.max_length} tokens"
    yield from plan.notes


def plan_place(plan: StagePlan) -> str:
    """Where a stage computes, and what its memory is for."""
    if plan.free_bytes is None:
        return "loads no model"
    parts = ", ".join(f"{part} {format_bytes(n)}" for part, n in plan.memory_bytes.items() if part != "total")
    free = format_bytes(plan.free_bytes)
    return f"on {plan.device}, {plan.precision}; memory: {parts}; {free} free"


def show_plan(plans: Sequence[StagePlan]) -> None:
    """The plan on standard output: the table, then what to know about each stage."""
    table = Table(*HEADINGS[:3])
    for heading in HEADINGS[3:]:
        table.add_column(heading, justify="right")
    for row in plan_rows(plans):
        table.add_row(*map(escape, row))
    console = Console(highlight=False)
    console.print(table)
    for plan in plans:
        console.print(f"[bold]{plan.stage}[/bold] {plan_place(plan)}", soft_wrap=True)
        for line in plan_lines(plan):
            style = "bold red" if line == plan.does_not_fit else None
            console.print(f"  {line}", style=style, markup=False, soft_wrap=True)


def _row(plan: StagePlan) -> tuple[str, ...]:
    held_out = sum(sizes["groups"] for part, sizes in plan.parts.items() if part != "train")
    memory = plan.memory_bytes["total"]
    return (
        plan.stage,
        plan.kind or "",
        ", ".join(Path(model).name for model in plan.models),
        f"{plan.parts['train']['groups']:,}",
        f"{held_out:,}",
        f"{plan.parts['train']['tokens']:,}",
        f"{plan.steps:,}",
        format_bytes(memory) if memory else "–",
    )
