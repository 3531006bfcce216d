"""The work of `posttrain audit --recipe`, apart from its options: this module imports torch."""

from collections.abc import Sequence
from pathlib import Path

from posttrain.audit.report.write import write_report
from posttrain.audit.run import AuditReport
from posttrain.cli.audit_work import show_and_refuse
from posttrain.console import Screen
from posttrain.pipeline.audit import audit_recipe
from posttrain.recipe.load import load_recipe


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
    reports: dict[str, AuditReport] = {}
    for stage, report in audit_recipe(checked, recipe.parent, data, against, screen, presidio=presidio):
        write_report(report, folder / stage, waive)
        reports[stage] = report
    show_and_refuse(reports, waive, folder, as_json=as_json)
