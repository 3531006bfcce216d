"""The plan of a run, made without loading weights: rows, tokens, steps, memory, time, disk, and notes on the model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posttrain.audit.training.reward_trial import reward_lines
from posttrain.audit.training.trial import Trial
from posttrain.console import Screen
from posttrain.data.summary import DataSummary
from posttrain.errors import InputError
from posttrain.evaluate.gates.power import too_few_questions
from posttrain.evaluate.gates.resolve import subject_of
from posttrain.evaluate.questions import Question
from posttrain.evaluate.suites.registry import suite_kind
from posttrain.pipeline.gold_rows import check_gold_rows
from posttrain.pipeline.planned_trials import planned_trials
from posttrain.policy.device import place
from posttrain.policy.machine import speed
from posttrain.policy.shape import model_shape
from posttrain.recipe.adapters import adapter_note
from posttrain.recipe.gates import gates_of, suites_of_stage
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, origin
from posttrain.recipe.stages.base import ModelStage, StageOptions, TrainingStage
from posttrain.recipe.stages.candidates import CandidatesStage
from posttrain.stages.context import Context, Ranks
from posttrain.stages.cost import Load, disk_bytes, flops, seconds
from posttrain.stages.fits import Room, room, with_parallel
from posttrain.stages.runner import Preview, runner_of
from posttrain.stages.steps import early_end


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The plan of one stage. Figures that are not known before the run are None.

    Args:
        stage: its name in the recipe.
        kind: its kind, such as ``sft``.
        models: the models it starts from, as the recipe names them; empty where it loads none.
        parts: part of the data (``train``, ``validation``...) → ``groups``, ``tokens`` and ``loss_tokens``.
        steps: optimiser steps.
        max_length: tokens of a prompt with one completion, at most.
        stops_on: the tokens that end an answer.
        device: the device it runs on, as text.
        precision: of matrix products.
        memory_bytes: bytes by purpose, and their ``total``.
        free_bytes: free memory of the device; None where the stage loads no model.
        does_not_fit: a sentence if the stage needs more memory than is free.
        seconds: the time it takes, by order of magnitude.
        disk_bytes: the space it takes on disk, by order of magnitude.
        rewards: counts of each reward's trial on the first rows.
        notes: sentences about its data and its model.
    """

    stage: str
    kind: str | None
    models: tuple[str, ...]
    parts: Mapping[str, Mapping[str, int]]
    steps: int
    max_length: int | None
    stops_on: tuple[str, ...]
    device: str
    precision: str
    memory_bytes: Mapping[str, int]
    free_bytes: int | None
    does_not_fit: str | None
    seconds: float | None
    disk_bytes: float | None
    rewards: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The plan as ``posttrain plan --json`` prints it."""
        return asdict(self)


class Notes(Screen):
    """A screen that keeps notes, to show them beside the table."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.sentences: list[str] = []

    def note(self, sentence: str) -> None:
        """Keep a note."""
        self.sentences.append(sentence)


def plan_recipe(recipe: Recipe, base: Path, screen: Screen, *, processes: int = 1) -> list[StagePlan]:
    """Read each stage's data with the model's own tokenizer and template; count, and estimate.

    Args:
        processes: the processes of this machine that will train together.

    Raises:
        InputError: a problem that would end a run at its start.
    """
    questions: dict[str, list[Question]] = {}
    for name, suite in recipe.suites.items():
        try:
            questions[name] = suite_kind(suite).read(suite, base)
        except InputError as error:
            raise InputError(f"suites.{name}: {error}") from error
    check_gold_rows(recipe, base)
    plans = [_plan_stage(recipe, name, base, screen, Ranks(processes, processes)) for name in in_order(recipe)]
    return [replace(plan, notes=(*plan.notes, *_gate_notes(recipe, plan.stage, questions))) for plan in plans]


def _gate_notes(recipe: Recipe, stage: str, questions: Mapping[str, Sequence[Question]]) -> list[str]:
    """A sentence for each gate of a stage that no result could pass."""
    subjects = [(gate, subject_of(gate.gate, recipe.suites)) for gate in gates_of(recipe, stage)]
    sentences = (
        too_few_questions(gate, subject, questions[subject.suite], recipe.suites[subject.suite].samples)
        for gate, subject in subjects
    )
    return [sentence for sentence in sentences if sentence is not None]


def _plan_stage(recipe: Recipe, name: str, base: Path, screen: Screen, ranks: Ranks) -> StagePlan:
    stage, notes = recipe.stages[name], Notes()
    model = origin(recipe, stage.start, base)
    others = {other.name: origin(recipe, other.name, base) for other in stage.others}
    with TemporaryDirectory() as folder:
        suites = suites_of_stage(recipe, name)
        context = Context(name, Path(folder), base, model, recipe.seed, others, suites, screen=notes, ranks=ranks)
        stage = with_parallel(stage, context)
        if ranks.total > 1 and isinstance(stage, TrainingStage):
            notes.note(f"parallel: {stage.parallel}, on {ranks.total} processes; the memory is that of one of them")
        if made := made_by_stages(recipe, name):
            notes.note(f"its data comes from {' and '.join(made)}, and is read once that has run")
            seen = Preview(DataSummary.of_rows(0), 0, runner_of(stage).needs(stage, context), ())
        else:
            screen.note(f"reading the data of {name}")
            seen = runner_of(stage).preview(stage, context)
            if isinstance(stage, TrainingStage):
                for sentence in early_end(stage, seen.by_epochs):
                    notes.note(sentence)
        trials = planned_trials(recipe, name, base)
        notes.sentences += reward_lines(trials)
        if isinstance(stage, TrainingStage) and (sentence := adapter_note(recipe, stage, base)) is not None:
            notes.note(sentence)
    return _plan(stage, name, recipe, seen, model, notes, trials, ranks)


def _plan(
    stage: StageOptions,
    name: str,
    recipe: Recipe,
    seen: Preview,
    model: str,
    notes: Notes,
    trials: Sequence[Trial],
    ranks: Ranks,
) -> StagePlan:
    ends = {
        renderer.tokenizer.convert_ids_to_tokens(end): None
        for renderer in seen.renderers
        for end in sorted(renderer.end_tokens)
    }
    usage = room(stage, seen.memory, ranks)
    seconds, disk = _time_and_disk(stage, seen, model, usage)
    return StagePlan(
        stage=name,
        kind=stage.kind_name(),
        models=tuple(stage.starts_from) or ((recipe.model,) if isinstance(stage, ModelStage) else ()),
        parts={part: size.as_json() for part, size in seen.summary.parts.items()},
        steps=seen.steps,
        max_length=min((renderer.max_length for renderer in seen.renderers), default=None),
        stops_on=tuple(ends),
        device=usage.device if usage else "no device",
        precision=_precision(stage) if usage else "float32",
        memory_bytes={**seen.memory, "total": sum(seen.memory.values())},
        free_bytes=usage.free if usage else None,
        does_not_fit=usage.short if usage else None,
        seconds=seconds,
        disk_bytes=disk,
        rewards=tuple(trial.counts for trial in trials),
        notes=tuple(notes.sentences),
    )


def _precision(stage: StageOptions) -> str:
    return "bfloat16" if isinstance(stage, ModelStage) and place(stage).autocast is not None else "float32"


def _time_and_disk(
    stage: StageOptions, seen: Preview, model: str, usage: Room | None
) -> tuple[float | None, float | None]:
    """Seconds and bytes on disk, by order of magnitude; None where its data or models are not known yet."""
    train = seen.summary.train
    if usage is None or not train.groups or not isinstance(stage, TrainingStage | CandidatesStage):
        return None, None
    shape = model_shape(model, trust_remote_code=stage.trust_remote_code)
    share = seen.steps / seen.by_epochs if seen.by_epochs else 1.0
    work = flops(stage, shape.parameters, Load(train.groups, train.tokens / train.groups, 0.0))
    tokens = sum(part.tokens for part in seen.summary.parts.values())
    return (
        share * seconds(work, speed(usage.device), usage.device),
        disk_bytes(stage, shape, tokens) if isinstance(stage, TrainingStage) else None,
    )
