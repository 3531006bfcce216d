"""The data of a recipe's stages, audited with each stage's own tokenizer, template, lengths and rewards."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from posttrain.audit.rows.rules import ODD, UNREADABLE
from posttrain.audit.rows.source import AuditSource
from posttrain.audit.run import AuditReport, audit_sources, with_more
from posttrain.audit.training.budget import Budget, budget_figures, budget_findings, token_budget
from posttrain.audit.training.reward_trial import prompt_rows, reward_findings, reward_lines, try_rewards
from posttrain.console import Screen
from posttrain.data.options import DataSource
from posttrain.errors import InputError
from posttrain.evaluate.options import SuiteOptions
from posttrain.evaluate.rows import question_column
from posttrain.pipeline.plan import Notes
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, origin
from posttrain.recipe.stages.base import TrainingStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.stages.context import Context
from posttrain.stages.inputs import renderer_for, splitter


def audit_recipe(
    recipe: Recipe,
    base: Path,
    data: Sequence[str],
    against: Sequence[str],
    screen: Screen,
    *,
    presidio: str | None,
) -> Iterator[tuple[str, AuditReport]]:
    """Audit the data of each training stage: (name of the stage, its report).

    Args:
        base: the recipe's folder.
        data: files to audit in place of those that the recipe names, for its first training stage.
        against: evaluation data besides the recipe's suites and validation files.

    Raises:
        InputError: there is nothing to audit, or a run would stop at the data.
    """
    for name, stage in _audited_stages(recipe, data, screen).items():
        screen.title(f"{name} ({stage.kind_name()})")
        held = [*_held_out(recipe, stage, base), *(AuditSource(path, {}) for path in against)]
        yield name, _audit_stage(recipe, name, stage, base, held, screen, presidio)


def _audited_stages(recipe: Recipe, data: Sequence[str], screen: Screen) -> dict[str, TrainingStage]:
    """The training stages whose data exists, or the first one with `data` in place of its own."""
    stages = {n: s for n in in_order(recipe) if isinstance(s := recipe.stages[n], TrainingStage)}
    if not stages:
        raise InputError("audit: the recipe has no stage that trains, so there is no data to audit")
    if data:
        name, first = next(iter(stages.items()))
        files = tuple(DataSource(path=str(Path(p).resolve()) if "://" not in p else p) for p in data)
        return {name: first.model_copy(update={"data": files})}
    for name in [n for n in stages if made_by_stages(recipe, n)]:
        made = " and ".join(made_by_stages(recipe, name))
        screen.note(f"{name}: its data comes from {made}; audit it once that has run, as a file of that run")
        del stages[name]
    if not stages:
        raise InputError("audit: all data of the recipe comes from its own stages; name the files to audit")
    return stages


def stage_budget(recipe: Recipe, name: str, base: Path, screen: Screen) -> Budget:
    """The token budget of a stage: what its trainer will do to each row.

    Raises:
        InputError: a run would stop at the data.
    """
    stage = recipe.stages[name]
    if not isinstance(stage, TrainingStage):
        raise InputError(f"stages.{name}: only stages that train have a token budget")
    return _budget(recipe, name, stage, base, screen)


def _audit_stage(
    recipe: Recipe,
    name: str,
    stage: TrainingStage,
    base: Path,
    held: Sequence[AuditSource],
    screen: Screen,
    presidio: str | None,
) -> AuditReport:
    sources = [_source(s, stage, base) for s in stage.data]
    report = audit_sources(sources, against=held, screen=screen, presidio=presidio)
    if {UNREADABLE.name, ODD.name} & {finding.name for finding in report.blocking}:
        screen.note("the token budget is not counted while rows cannot be read: the trainer would stop at them")
        return report
    budget = _budget(recipe, name, stage, base, screen)
    more = budget_findings(budget)
    figures = {"budget": budget_figures(budget)}
    if isinstance(stage, OnPolicyStage):
        trials = try_rewards(stage.rewards, prompt_rows(stage.data, base), base)
        more += reward_findings(trials)
        figures["rewards"] = {trial.reward: trial.counts for trial in trials}
        for line in reward_lines(trials):
            screen.note(line)
    return with_more(report, more, figures)


def _budget(recipe: Recipe, name: str, stage: TrainingStage, base: Path, screen: Screen) -> Budget:
    context = _context(recipe, name, stage, base, screen)
    renderer = renderer_for(stage, replace(context, screen=Notes()), trust_remote_code=stage.trust_remote_code)
    with screen.bar("token budget", None) as advance:
        return token_budget(
            stage,
            renderer,
            base,
            kind=stage.rows,
            part_of=splitter(stage, recipe.seed),
            answer=stage.answer_tokens,
            advance=advance,
        )


def _context(recipe: Recipe, name: str, stage: TrainingStage, base: Path, screen: Screen) -> Context:
    with TemporaryDirectory() as folder:  # only its name is needed: nothing is written
        return Context(name, Path(folder), base, origin(recipe, stage.model, base), recipe.seed, screen=screen)


def _held_out(recipe: Recipe, stage: TrainingStage, base: Path) -> list[AuditSource]:
    """The recipe's evaluation data: the stage's own validation files, and the suites."""
    own = stage.validation if isinstance(stage.validation, tuple) else ()
    suites = [_suite_source(suite, source, base) for suite in recipe.suites.values() for source in suite.data]
    return [*(_source(s, stage, base) for s in own), *suites]


def _suite_source(suite: SuiteOptions, source: DataSource, base: Path) -> AuditSource:
    if suite.holds == "questions":
        return AuditSource(source.path, {"prompt": question_column(source, base)}, rows=source.rows, base=base)
    kind = "preference" if suite.holds == "preferences" else "sft"
    return AuditSource(source.path, source.columns, rows=source.rows, base=base, kinds=(kind,))


def _source(source: DataSource, stage: TrainingStage, base: Path) -> AuditSource:
    """A source of a stage's data, which is read as the stage's trainer reads it."""
    kinds = () if stage.rows == "prompt" else (stage.rows,)  # rows of prompts may have answers, which are audited too
    return AuditSource(source.path, source.columns, source.task, source.rows, base, kinds=kinds)
