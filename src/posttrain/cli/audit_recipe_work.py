"""The work of `posttrain audit --recipe`, apart from its options: this module imports torch."""

from collections.abc import Sequence
from pathlib import Path

from posttrain.audit.report.write import write_report
from posttrain.audit.run import AuditReport
from posttrain.cli.audit_work import ON_COMMAND_LINE, show_and_refuse
from posttrain.console import Screen
from posttrain.pipeline.audit import audit_recipe
from posttrain.recipe.load import load_recipe
from posttrain.recipe.schema import Recipe
from posttrain.recipe.stages.audit import AuditStage


def audit_stages(
    recipe: Path,
    overrides: Sequence[str],
    data: Sequence[str],
    against: Sequence[str],
    waive: Sequence[str],
    out: Path | None,
    *,
    presidio: str | None,
    as_json: bool,
) -> None:
    """Audit the data of a recipe's stages; each report is written as soon as it is made, and all are shown."""
    folder, screen = out or Path("audit") / recipe.stem, Screen(quiet=as_json)
    checked = load_recipe(recipe, overrides)
    waivers = {**_waivers_of(checked), **dict.fromkeys(waive, ON_COMMAND_LINE)}
    reports: dict[str, AuditReport] = {}
    for stage, report in audit_recipe(checked, recipe.parent, data, against, screen, presidio=presidio):
        write_report(report, folder / stage, waivers)
        reports[stage] = report
    show_and_refuse(reports, waivers, folder, as_json=as_json)


def _waivers_of(recipe: Recipe) -> dict[str, str]:
    """The waivers of the recipe's own audit stages."""
    audits = [stage for stage in recipe.stages.values() if isinstance(stage, AuditStage)]
    return {name: reason for stage in audits for name, reason in stage.waive.items()}
