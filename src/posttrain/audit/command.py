"""`posttrain audit` on files: read, told, written, and refused if something blocks."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path

from posttrain.audit.findings import Finding
from posttrain.audit.names import NAMES
from posttrain.audit.report.show import as_json, show
from posttrain.audit.rows.source import Source
from posttrain.audit.run import Report, audit
from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.files import write_json, write_whole


def audit_files(
    data: Sequence[str],
    against: Sequence[str],
    columns: str,
    waived: Collection[str],
    out: Path | None,
    screen: Screen,
    *,
    presidio: str | None,
    to_json: bool,
) -> None:
    """Audit files, write ``findings.json`` into `out`, and show what was found.

    Args:
        out: see `folder_of` if None.

    Raises:
        InputError: a file is not there, or a finding blocks and is not waived.
    """
    if not data:
        raise InputError("audit: name the files to look at, or a recipe: --recipe recipe.yaml")
    named = parse_columns(columns)
    report = audit(
        [Source(path, named) for path in data],
        against=[Source(path, {}) for path in against],
        screen=screen,
        presidio=presidio,
    )
    check_names("waive", waived, report)
    out = out or folder_of(report)
    write_report(report, out, waived)
    show_report({"": report}, waived, out, to_json=to_json)
    refuse(report.blocking, waived)


def folder_of(report: Report) -> Path:
    """A folder for this audit: ``audit/FILE``, or ``audit/FILE-2``... where that holds an audit of other files."""
    first, *more = report.files
    name = re.sub(r"[^\w.-]+", "-", first.rstrip("/").rpartition("/")[2]).strip(".-") or "data"
    several = f"-and-{len(more)}-more" if more else ""
    numbered = (Path("audit") / f"{name}{several}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(folder for folder in numbered if _is_free(folder, list(report.files)))


def _is_free(folder: Path, files: Sequence[str]) -> bool:
    """Whether a folder is not there, or holds an audit of these files."""
    try:
        return list(json.loads((folder / "findings.json").read_text(encoding="utf-8"))["files"]) == list(files)
    except (OSError, ValueError, KeyError, TypeError):
        return not folder.exists()


def clean_file(data: str, columns: str, keep: Collection[str], out: Path, screen: Screen, *, to_json: bool) -> None:
    """Audit a file, write it again with the safe fixes applied, and say what was done.

    Raises:
        InputError: the file is not there, or `out` is no place to write to.
    """
    from dataclasses import asdict

    from posttrain.audit.clean import clean

    source = Source(data, parse_columns(columns))
    report = audit([source], screen=screen)
    check_names("keep", keep, report)
    done = clean(source, report, out, keep)
    if to_json:
        print(json.dumps(asdict(done), indent=2))
    else:
        print(
            f"{out}: {done.written:,} of {done.read:,} rows; {done.dropped:,} dropped, {done.changed:,} changed. "
            f"Each is in {out.with_name(out.name.removesuffix('.jsonl') + '.log.jsonl')}"
            + (". Columns keep their names: name them in the recipe as here" if source.columns else "")
        )


def write_report(report: Report, folder: Path, waived: Collection[str]) -> None:
    """``findings.json`` with every row of every finding, and ``report.html`` to look at."""
    from posttrain.audit.report.page import render

    write_json(folder / "findings.json", as_json(report, waived))
    write_whole(folder / "report.html", render(report, waived))


def show_report(reports: Mapping[str, Report], waived: Collection[str], out: Path, *, to_json: bool) -> None:
    """Reports by stage, or one without a name, on standard output."""
    if to_json:
        found = {name: as_json(report, waived) for name, report in reports.items()}
        print(json.dumps(found.get("", found), indent=2, ensure_ascii=False))
        return
    for name, report in reports.items():
        if name:
            print(f"\n{name}")
        show(report, waived)
    print(f"All rows of each finding are in {out}/ (findings.json, report.html)")


def refuse(blocking: Sequence[Finding], waived: Collection[str]) -> None:
    """Stop on findings that block.

    Raises:
        InputError: one of them is not waived.
    """
    left = [one for one in blocking if one.name not in waived]
    if left:
        told = "; ".join(f"{one.name}: {one.count:,} {one.what} ({', '.join(one.rows[:3])})" for one in left)
        raise InputError(f"audit: not to be trained on as it is. {told}. Mend the rows, or waive a finding by its name")


def check_names(option: str, said: Collection[str], report: Report) -> None:
    """A misspelt name of a finding would waive or keep nothing.

    Raises:
        InputError: a name that no finding has.
    """
    from difflib import get_close_matches

    names = [*(one.name for one in report.findings), *NAMES]
    for name in said:
        near = get_close_matches(name, names, n=1)
        if name not in names and near:
            raise InputError(f"{option}: there is no finding {name}; did you mean {near[0]}?")


def parse_columns(text: str) -> Mapping[str, str]:
    """``prompt=question,completion=answer`` as a mapping.

    Raises:
        InputError: not of that form.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, sign, value in pairs:
        if not sign or not name.strip() or not value.strip():
            raise InputError(f"--columns: {text} is not of the form prompt=question,completion=answer")
    return {name.strip(): value.strip() for name, _, value in pairs}
