"""`posttrain audit` and `posttrain clean`: the faults of data, and their safe fixes, before anything is trained."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posttrain.cli.options import Against, AsJson, Columns, Overrides
from posttrain.errors import InputError

if TYPE_CHECKING:
    from posttrain.audit.run import AuditReport
    from posttrain.console import Screen

app = typer.Typer()


@app.command(epilog="Example: posttrain audit train.jsonl --against test.jsonl")
def audit(
    data: Annotated[list[str], typer.Argument(help="Files, folders or hf://org/name.", show_default=False)] = [],  # noqa: B006
    recipe: Annotated[
        Path | None, typer.Option(help="Count also what its run would cut or drop; its own data if none is given.")
    ] = None,
    against: Against = [],  # noqa: B006
    columns: Columns = "",
    waive: Annotated[
        list[str], typer.Option("--waive", help="A blocking finding to let pass, by name; repeatable.")
    ] = [],  # noqa: B006
    presidio: Annotated[
        str | None, typer.Option(help="Look for names and identifiers with Presidio too: a spaCy model, or blank.")
    ] = None,
    set_: Overrides = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(help="Folder for findings.json and report.html; audit/FILE or audit/RECIPE if unset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at data before anything is trained on it. Exit code 2 if a finding blocks."""
    from posttrain.audit.waivers import check_finding_names, refuse_blocking
    from posttrain.cli.show_audit import show_report
    from posttrain.console import Screen

    screen = Screen(quiet=as_json)
    if recipe is not None:
        folder = out or Path("audit") / recipe.stem
        reports = _audit_recipe(recipe, set_, data, against, waive, folder, screen, presidio)
    elif set_:
        raise InputError("--set changes a recipe; name it with --recipe")
    elif not data:
        raise InputError("audit: name the files to look at, or a recipe: --recipe recipe.yaml")
    else:
        report, folder = _audit_files(data, against, columns, waive, out, screen, presidio)
        reports = {"": report}
    show_report(reports, waive, folder, to_json=as_json)
    for report in reports.values():
        check_finding_names("waive", waive, report)
    refuse_blocking([finding for report in reports.values() for finding in report.blocking], waive)


def _audit_files(
    data: Sequence[str],
    against: Sequence[str],
    columns: str,
    waive: Sequence[str],
    out: Path | None,
    screen: "Screen",
    presidio: str | None,
) -> "tuple[AuditReport, Path]":
    """Audit files and write the report; the report, and its folder."""
    from posttrain.audit.report.write import report_folder, write_report
    from posttrain.audit.rows.convention import parse_columns
    from posttrain.audit.rows.source import AuditSource
    from posttrain.audit.run import audit_sources
    from posttrain.audit.waivers import check_finding_names

    named = parse_columns(columns)
    sources, held_out = [AuditSource(path, named) for path in data], [AuditSource(path, {}) for path in against]
    report = audit_sources(sources, against=held_out, screen=screen, presidio=presidio)
    check_finding_names("waive", waive, report)
    folder = out or report_folder(report)
    write_report(report, folder, waive)
    return report, folder


def _audit_recipe(
    recipe: Path,
    overrides: Sequence[str],
    data: Sequence[str],
    against: Sequence[str],
    waive: Sequence[str],
    folder: Path,
    screen: "Screen",
    presidio: str | None,
) -> "dict[str, AuditReport]":
    """Audit a recipe's stages, and write each report as soon as it is there; the report of each stage."""
    from posttrain.audit.report.write import write_report
    from posttrain.pipeline.audit import audit_recipe
    from posttrain.recipe.schema import load_recipe

    reports: dict[str, AuditReport] = {}
    checked = load_recipe(recipe, overrides)
    for stage, report in audit_recipe(checked, recipe.parent, data, against, screen, presidio=presidio):
        write_report(report, folder / stage, waive)
        reports[stage] = report
    return reports


@app.command(epilog="Example: posttrain clean train.jsonl --out train.clean.jsonl --keep exact-duplicate")
def clean(
    data: Annotated[str, typer.Argument(help="A file, a folder or hf://org/name.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The file to write, .jsonl; a log is written beside it.")],
    columns: Columns = "",
    keep: Annotated[
        list[str], typer.Option("--keep", help="A finding whose rows stay as they are, by name; repeatable.")
    ] = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Apply the safe fixes of an audit to a copy, and log each, row by row. The original is never touched."""
    from posttrain.audit.clean import clean_source
    from posttrain.audit.rows.convention import parse_columns
    from posttrain.audit.rows.source import AuditSource
    from posttrain.audit.run import audit_sources
    from posttrain.audit.waivers import check_finding_names
    from posttrain.console import Screen

    source = AuditSource(data, parse_columns(columns))
    report = audit_sources([source], screen=Screen(quiet=as_json))
    check_finding_names("keep", keep, report)
    counts = clean_source(source, report, out, keep)
    if as_json:
        print(json.dumps(asdict(counts), indent=2))
        return
    log = out.with_name(out.name.removesuffix(".jsonl") + ".log.jsonl")
    renamed = ". Columns keep their names: name them in the recipe as here" if source.columns else ""
    print(
        f"{out}: {counts.written:,} of {counts.read:,} rows; {counts.dropped:,} dropped, {counts.changed:,} changed. "
        f"Each is in {log}{renamed}"
    )
