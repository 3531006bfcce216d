"""`posttrain audit` on files: read, told, written, and refused if something blocks."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from posttrain.audit.findings import Finding
from posttrain.audit.run import Report, audit
from posttrain.audit.show import as_json, show
from posttrain.audit.source import Source
from posttrain.errors import InputError
from posttrain.files import write_json
from posttrain.screen import Screen


def audit_files(
    data: Sequence[str],
    against: Sequence[str],
    columns: str,
    waived: Collection[str],
    out: Path,
    screen: Screen,
    *,
    to_json: bool,
) -> None:
    """Audit files, write ``findings.json`` into `out`, and show what was found.

    Raises:
        InputError: a file is not there, or a finding blocks and is not waived.
    """
    named = parse_columns(columns)
    report = audit(
        [Source(path, named) for path in data], against=[Source(path, {}) for path in against], screen=screen
    )
    check_waivers(waived, report)
    write_json(out / "findings.json", as_json(report, waived))
    if to_json:
        print(json.dumps(as_json(report, waived), indent=2, ensure_ascii=False))
    else:
        show(report, waived)
        print(f"All rows of each finding are in {out / 'findings.json'}")
    refuse(report.blocking, waived)


def refuse(blocking: Sequence[Finding], waived: Collection[str]) -> None:
    """Stop on findings that block.

    Raises:
        InputError: one of them is not waived.
    """
    left = [one for one in blocking if one.name not in waived]
    if left:
        told = "; ".join(f"{one.name}: {one.count:,} {one.what} ({', '.join(one.rows[:3])})" for one in left)
        raise InputError(f"audit: not to be trained on as it is. {told}. Mend the rows, or waive a finding by its name")


def check_waivers(waived: Collection[str], report: Report) -> None:
    """A misspelt waiver would waive nothing.

    Raises:
        InputError: a name that no finding has.
    """
    from difflib import get_close_matches

    names = [one.name for one in report.findings]
    for name in waived:
        near = get_close_matches(name, names, n=1)
        if name not in names and near:
            raise InputError(f"waive: there is no finding {name}; did you mean {near[0]}?")


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
