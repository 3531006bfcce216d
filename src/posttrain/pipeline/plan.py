"""What a run would do, before any weight is loaded: rows, tokens, steps, memory, time, disk, and notes on the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.audit.training.reward_trial import PLANNED, SECONDS, reward_lines, try_rewards
from posttrain.audit.training.trial import Trial
from posttrain.console import Screen, bytes_told, time_told
from posttrain.data.summary import DataSummary
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, origin
from posttrain.recipe.stages.base import ModelStage, StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.stages.context import Context
from posttrain.stages.fits import Room, room
from posttrain.stages.runner import Preview, runner_of
from posttrain.stages.steps import early_end

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
    from posttrain.evaluate.suites import read_suite

    for suite in recipe.suites.values():
        read_suite(suite, base)
    return [_plan_stage(recipe, name, base, screen) for name in in_order(recipe)]


def _plan_stage(recipe: Recipe, name: str, base: Path, screen: Screen) -> Plan:
    stage, notes = recipe.stages[name], Notes()
    model = origin(recipe, stage.start, base)
    others = {other.name: origin(recipe, other.name, base) for other in stage.others}
    with TemporaryDirectory() as folder:
        trials: list[Trial] = []
        context = Context(name, Path(folder), base, model, recipe.seed, others, screen=notes)
        if made := made_by_stages(recipe, name):
            notes.note(f"its data comes from {' and '.join(made)}, and is read once that has run")
            seen = Preview(DataSummary.of_rows(0), 0, runner_of(stage).needs(stage, context), ())
        else:
            screen.note(f"reading the data of {name}")
            seen = runner_of(stage).preview(stage, context)
            if isinstance(stage, OnPolicyStage):
                trials = try_rewards(stage.rewards, stage.data, base, PLANNED, SECONDS)
                notes.sentences += reward_lines(trials)
            if isinstance(stage, TrainingStage):
                for sentence in early_end(stage, seen.by_epochs):
                    notes.note(sentence)
    return _plan(stage, name, recipe, seen, model, notes, trials)


def _plan(
    stage: StageOptions, name: str, recipe: Recipe, seen: Preview, model: str, notes: Notes, trials: Sequence[Trial]
) -> Plan:
    ends = {
        renderer.tokenizer.convert_ids_to_tokens(end): None
        for renderer in seen.renderers
        for end in sorted(renderer.end_tokens)
    }
    found = room(stage, seen.memory)
    return {
        "stage": name,
        "kind": stage.kind_name(),
        "models": list(stage.starts_from) or ([recipe.model] if isinstance(stage, ModelStage) else []),
        "parts": seen.summary.as_json()["parts"],
        "steps": seen.steps,
        "max_length": min((renderer.max_length for renderer in seen.renderers), default=None),
        "stops_on": list(ends),
        "device": found.device if found else "no device",
        "precision": _precision(stage) if found else "float32",
        "memory_bytes": {**seen.memory, "total": sum(seen.memory.values())},
        "free_bytes": found.free if found else None,
        "does_not_fit": found.short if found else None,
        **_time_and_disk(stage, seen, model, found),
        "rewards": [trial.counts for trial in trials],
        "notes": notes.sentences,
    }


def _precision(stage: StageOptions) -> str:
    from posttrain.policy.device import place

    return "bfloat16" if isinstance(stage, ModelStage) and place(stage).autocast is not None else "float32"


def _time_and_disk(stage: StageOptions, seen: Preview, model: str, found: Room | None) -> Mapping[str, float | None]:
    """``seconds`` and ``disk_bytes``, by order of magnitude; None where its data or models are not known yet."""
    from posttrain.policy.machine import speed
    from posttrain.policy.shape import model_shape
    from posttrain.stages.cost import Load, disk_bytes, flops, seconds

    train = seen.summary.train
    if found is None or not train.groups or not isinstance(stage, TrainingStage | CandidatesStage):
        return {"seconds": None, "disk_bytes": None}
    shape = model_shape(model, trust_remote_code=stage.trust_remote_code)
    share = seen.steps / seen.by_epochs if seen.by_epochs else 1.0
    work = flops(stage, shape.parameters, Load(train.groups, train.tokens / train.groups, 0.0))
    tokens = sum(part.tokens for part in seen.summary.parts.values())
    return {
        "seconds": share * seconds(work, speed(found.device), found.device),
        "disk_bytes": disk_bytes(stage, shape, tokens) if isinstance(stage, TrainingStage) else None,
    }


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
        memory = plan["memory_bytes"]["total"]
        table.add_row(
            plan["stage"],
            plan["kind"],
            escape(", ".join(Path(model).name for model in plan["models"])),
            f"{parts['train']['groups']:,}",
            f"{held:,}",
            f"{parts['train']['tokens']:,}",
            f"{plan['steps']:,}",
            bytes_told(memory) if memory else "–",
        )
    console = Console(highlight=False)
    console.print(table)
    for plan in plans:
        console.print(f"[bold]{plan['stage']}[/bold] {_place(plan)}", soft_wrap=True)
        if plan["does_not_fit"] is not None:
            console.print(f"  {plan['does_not_fit']}", style="bold red", markup=False, soft_wrap=True)
        if plan["seconds"] is not None:
            disk = "" if plan["disk_bytes"] is None else f", disk: {bytes_told(plan['disk_bytes'])}"
            console.print(f"  time: {time_told(plan['seconds'])}{disk} (orders of magnitude)", soft_wrap=True)
        if plan["max_length"] is not None:
            ends = ", ".join(plan["stops_on"])
            console.print(
                f"  answers end with {ends}; at most {plan['max_length']} tokens", markup=False, soft_wrap=True
            )
        for note in plan["notes"]:
            console.print(f"  {note}", markup=False, soft_wrap=True)


def _place(plan: Plan) -> str:
    """Where a stage computes, and what its memory is for."""
    if plan["free_bytes"] is None:
        return "loads no model"
    parts = ", ".join(f"{part} {bytes_told(n)}" for part, n in plan["memory_bytes"].items() if part != "total")
    free = bytes_told(plan["free_bytes"])
    return f"on {plan['device']}, {plan['precision']}; memory: {parts}; {free} free"
