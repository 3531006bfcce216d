"""What a run would do, before any weight is loaded: rows, tokens, steps, memory, and what to know about the model."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.recipe import Recipe, in_order, made_by_stages
from posttrain.screen import Screen
from posttrain.stages.context import Context
from posttrain.stages.kinds import KINDS, Stage
from posttrain.stages.technique import BaseStage, Look

Plan = dict[str, Any]


class Notes(Screen):
    """A screen that keeps what it is told, to show it beside the table."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.sentences: list[str] = []

    def note(self, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)


def plan_recipe(recipe: Recipe, base: Path, screen: Screen) -> list[Plan]:
    """Read each stage's data with the model's own tokenizer and template; count, and estimate.

    Raises:
        InputError: whatever a run would stumble over at its start.
    """
    return [_plan_stage(recipe, name, base, screen) for name in in_order(recipe)]


def _plan_stage(recipe: Recipe, name: str, base: Path, screen: Screen) -> Plan:
    stage = recipe.stages[name]
    told = Notes()
    if made := made_by_stages(recipe, name):
        told.note(f"its data comes from {' and '.join(made)}, and is read once that has run")
        return _plan(stage, name, recipe, Look({"parts": {"train": {"groups": 0, "tokens": 0}}}, 0, {}, ()), told)
    with TemporaryDirectory() as folder:
        model = origin(recipe, stage.model, base)
        others = {other.name: origin(recipe, other.name, base) for other in stage.others}
        context = Context(name, Path(folder), base, model, recipe.seed, others, screen=told)
        screen.note(f"reading the data of {name}")
        seen = KINDS[stage.kind].look(stage, context)
    return _plan(stage, name, recipe, seen, told)


def _plan(stage: Stage, name: str, recipe: Recipe, seen: Look, told: Notes) -> Plan:
    from posttrain.policy.device import place

    placement = place(stage) if isinstance(stage, BaseStage) else None
    ends = {
        codec.tokenizer.convert_ids_to_tokens(end): None for codec in seen.codecs for end in sorted(codec.end_tokens)
    }
    return {
        "stage": name,
        "kind": stage.kind,
        "models": list(stage.starts_from) or ([recipe.model] if placement else []),
        "parts": seen.about["parts"],
        "steps": seen.steps,
        "max_length": min((codec.max_length for codec in seen.codecs), default=None),
        "stops_on": list(ends),
        "device": placement.device if placement else "no device",
        "precision": "bfloat16" if placement and placement.autocast is not None else "float32",
        "memory_bytes": {**seen.memory, "total": sum(seen.memory.values())},
        "notes": told.sentences,
    }


def origin(recipe: Recipe, model: str | None, base: Path) -> str:
    """The model that a chain of stages began with: its tokenizer and shape are theirs."""
    while model is not None and model in recipe.stages:
        model = recipe.stages[model].model
    model = model or recipe.model
    return str((base / model).resolve()) if (base / model).is_dir() else model


def show_plan(plans: list[Plan]) -> None:
    """The plan as a table, then what to know about each stage."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("stage", "kind", "from")
    for heading in ("rows", "held out", "tokens", "steps", "memory"):
        table.add_column(heading, justify="right")
    for plan in plans:
        parts: Mapping[str, Mapping[str, int]] = plan["parts"]
        held = sum(sizes["groups"] for part, sizes in parts.items() if part != "train")
        table.add_row(
            plan["stage"],
            plan["kind"],
            escape(", ".join(Path(model).name for model in plan["models"])),
            f"{parts['train']['groups']:,}",
            f"{held:,}",
            f"{parts['train']['tokens']:,}",
            f"{plan['steps']:,}",
            _gib(plan["memory_bytes"]["total"]),
        )
    console = Console(highlight=False)
    console.print(table)
    for plan in plans:
        memory = ", ".join(f"{part} {_gib(n)}" for part, n in plan["memory_bytes"].items() if part != "total")
        console.print(f"[bold]{plan['stage']}[/bold] on {plan['device']}, {plan['precision']}; memory: {memory}")
        if plan["max_length"] is not None:
            ends = ", ".join(plan["stops_on"])
            console.print(f"  answers end with {ends}; at most {plan['max_length']} tokens", markup=False)
        for note in plan["notes"]:
            console.print(f"  {note}", markup=False)


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.0f} MiB"
