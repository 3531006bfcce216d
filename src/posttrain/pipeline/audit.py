"""The data of a recipe's stages, audited with each stage's own tokenizer, template, lengths and rewards."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from posttrain.audit.command import check_names, refuse, show_report, write_report
from posttrain.audit.rows.source import Source
from posttrain.audit.run import Report, audit, with_more
from posttrain.console import Screen
from posttrain.data.options import DataSource
from posttrain.errors import InputError
from posttrain.evaluate.rows import question_column
from posttrain.pipeline.plan import Notes
from posttrain.recipe.schema import Recipe, in_order, made_by_stages, origin
from posttrain.recipe.stages.base import TrainingStage
from posttrain.recipe.stages.on_policy import OnPolicyStage
from posttrain.stages.audit import budget_figures
from posttrain.stages.budget import Budget, budget, budget_findings
from posttrain.stages.context import Context
from posttrain.stages.inputs import renderer_for, splitter
from posttrain.stages.reward_trial import findings_of, lines_of, try_rewards


def audit_recipe(
    recipe: Recipe,
    base: Path,
    data: Sequence[str],
    against: Sequence[str],
    waived: Collection[str],
    out: Path,
    screen: Screen,
    *,
    presidio: str | None,
    to_json: bool,
) -> None:
    """Audit each training stage's data; ``findings.json`` and ``report.html`` go into a folder a stage.

    Args:
        base: the recipe's folder.
        data: files to audit in place of those that the recipe names, for its first training stage.
        against: evaluation data besides the recipe's suites and validation files.

    Raises:
        InputError: nothing to audit, or a finding blocks and is not waived.
    """
    reports: dict[str, Report] = {}
    for name, report in stage_reports(recipe, base, data, against, screen, presidio=presidio):
        reports[name] = report
        write_report(report, out / name, waived)
    show_report(reports, waived, out, to_json=to_json)
    for report in reports.values():
        check_names("waive", waived, report)
    refuse([one for report in reports.values() for one in report.blocking], waived)


def stage_reports(
    recipe: Recipe, base: Path, data: Sequence[str], against: Sequence[str], screen: Screen, *, presidio: str | None
) -> Iterator[tuple[str, Report]]:
    """The name and the report of each training stage, one after the other; see `audit_recipe`.

    Raises:
        InputError: there is nothing to audit, or what a run would stumble over.
    """
    stages = {n: s for n in in_order(recipe) if isinstance(s := recipe.stages[n], TrainingStage)}
    if not stages:
        raise InputError("audit: the recipe has no stage that trains, so there is no data to audit")
    if data:
        name, first = next(iter(stages.items()))
        files = tuple(DataSource(path=str(Path(p).resolve()) if "://" not in p else p) for p in data)
        stages = {name: first.model_copy(update={"data": files})}
    else:
        for name in [n for n in stages if made_by_stages(recipe, n)]:
            made = " and ".join(made_by_stages(recipe, name))
            screen.note(f"{name}: its data comes from {made}; audit it once that has run, as a file of that run")
            del stages[name]
    if not stages:
        raise InputError("audit: all data of the recipe comes from its own stages; name the files to audit")
    for name, stage in stages.items():
        screen.title(f"{name} ({stage.kind_name()})")
        held = [*_held_out(recipe, stage, base), *(Source(path, {}) for path in against)]
        yield name, _audit_stage(recipe, name, stage, base, held, screen, presidio)


def stage_budget(recipe: Recipe, name: str, base: Path, screen: Screen) -> Budget:
    """What the trainer will do to each row of a stage's data.

    Raises:
        InputError: whatever a run would stumble over.
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
    held: Sequence[Source],
    screen: Screen,
    presidio: str | None,
) -> Report:
    sources = [Source(s.path, s.columns, s.task, s.rows, base) for s in stage.data]
    report = audit(sources, against=held, screen=screen, presidio=presidio)
    if any(one.name in {"unreadable-row", "odd-row"} for one in report.blocking):
        screen.note("the token budget is not counted while rows cannot be read: the trainer would stop at them")
        return report
    found = _budget(recipe, name, stage, base, screen)
    more = budget_findings(found)
    figures = {"budget": budget_figures(found)}
    if isinstance(stage, OnPolicyStage):
        trials = try_rewards(stage, _context(recipe, name, stage, base, screen))
        more += findings_of(trials)
        figures["rewards"] = {trial.reward: trial.counts for trial in trials}
        for line in lines_of(trials):
            screen.note(line)
    return with_more(report, more, figures)


def _budget(recipe: Recipe, name: str, stage: TrainingStage, base: Path, screen: Screen) -> Budget:
    context = _context(recipe, name, stage, base, screen)
    renderer = renderer_for(stage, replace(context, screen=Notes()), trust_remote_code=stage.trust_remote_code)
    with screen.bar("token budget", None) as advance:
        return budget(
            stage,
            renderer,
            context,
            kind=stage.rows,
            part_of=splitter(stage, recipe.seed),
            answer=stage.answer_tokens,
            advance=advance,
        )


def _context(recipe: Recipe, name: str, stage: TrainingStage, base: Path, screen: Screen) -> Context:
    with TemporaryDirectory() as folder:  # only its name is needed: nothing is written
        return Context(name, Path(folder), base, origin(recipe, stage.model, base), recipe.seed, screen=screen)


def _held_out(recipe: Recipe, stage: TrainingStage, base: Path) -> list[Source]:
    """What the recipe evaluates on: the stage's own validation files, and the suites."""
    own = stage.validation if isinstance(stage.validation, tuple) else ()
    sources = [source for suite in recipe.suites.values() for source in suite.data]
    suites = [Source(s.path, {"prompt": question_column(s, base)}, rows=s.rows, base=base) for s in sources]
    return [*(Source(s.path, s.columns, s.task, s.rows, base) for s in own), *suites]
