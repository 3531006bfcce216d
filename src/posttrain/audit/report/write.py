"""The files of an audit, ``findings.json`` and ``report.html``, and their folder."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from posttrain.audit.findings import finding_json
from posttrain.audit.report.page import NONE, report_page
from posttrain.audit.run import AuditReport
from posttrain.files import write_json, write_whole


def write_report(report: AuditReport, folder: Path, waived: Mapping[str, str]) -> None:
    """Write ``findings.json`` with every row of every finding, and ``report.html`` for people.

    Args:
        waived: name of a finding → why it does not stop the work.
    """
    write_json(folder / "findings.json", report_json(report, waived))
    write_whole(folder / "report.html", report_page(report, waived))


def report_json(report: AuditReport, waived: Mapping[str, str] = NONE) -> dict[str, Any]:
    """The content of ``findings.json``."""
    return {
        "files": report.files,
        "rows": report.rows,
        "waived": (names := sorted(set(waived) & {finding.name for finding in report.findings})),
        "reasons": {name: waived[name] for name in names},
        "findings": [finding_json(finding) for finding in report.findings],
        "figures": report.figures,
    }


def report_folder(report: AuditReport) -> Path:
    """The folder of an audit: ``audit/FILE``; or ``audit/FILE-2``... if it holds an audit of other files."""
    first, *more = report.files
    name = re.sub(r"[^\w.-]+", "-", first.rstrip("/").rpartition("/")[2]).strip(".-") or "data"
    several = f"-and-{len(more)}-more" if more else ""
    numbered = (Path("audit") / f"{name}{several}{f'-{n}' if n > 1 else ''}" for n in count(1))
    return next(folder for folder in numbered if _is_free(folder, list(report.files)))


def _is_free(folder: Path, files: Sequence[str]) -> bool:
    """Whether a folder does not exist, or holds an audit of these files."""
    try:
        return list(json.loads((folder / "findings.json").read_text(encoding="utf-8"))["files"]) == list(files)
    except (OSError, ValueError, KeyError, TypeError):
        return not folder.exists()
