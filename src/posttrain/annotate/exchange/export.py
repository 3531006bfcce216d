"""Exports of judgments as training data.

An export is a folder: ``train`` and optionally ``validation`` (JSON lines or Parquet), and ``manifest.json``, which
connects every row with its judgments, their guideline and the settings of its candidates.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet
from sqlalchemy import Connection

from posttrain.annotate.db.hash_chain import broken_links
from posttrain.annotate.db.store import DbRow
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.export_rows import export_rows
from posttrain.data.sets.split import TRAIN, VALIDATION, falls_within
from posttrain.errors import InputError
from posttrain.files import sha256_of, whole_folder, write_json


def write_export(connection: Connection, project: DbRow, options: ExportOptions, out: Path) -> dict[str, Any]:
    """Write the folder of an export.

    Returns:
        its manifest.

    Raises:
        InputError: the folder exists, the hash chain is broken, or there is no row to write.
    """
    if out.exists():
        raise InputError(f"--out {out}: is there already; choose another name")
    broken = next(broken_links(connection, project), None)
    if broken is not None:
        raise InputError(f"project {project.name}: {broken}; its chain of judgments is broken, so nothing is exported")
    rows, left = export_rows(connection, project, options)
    if not rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left.items()) or "it has no items"
        raise InputError(f"project {project.name}: no row to export ({reasons})")
    parts: dict[str, list[dict[str, Any]]] = {TRAIN: [], VALIDATION: []}
    traces = {row["meta_id"]: row.pop("meta_from") for row in rows}
    for row in rows:
        held = falls_within(_prompt_key(row["prompt"]), options.validation, options.seed)
        parts[VALIDATION if held else TRAIN].append(row)
    with whole_folder(out) as folder:
        names: dict[str, str] = {}
        for part, part_rows in parts.items():
            if part_rows:
                _write_rows(folder / f"{part}.{options.form}", part_rows)
                names[f"{part}.{options.form}"] = sha256_of(folder / f"{part}.{options.form}")
        manifest = {
            "project": project.name,
            "options": options.model_dump(mode="json"),
            "chain": {"judgments": project.judgments, "head": project.head},
            "rows": {part: len(part_rows) for part, part_rows in parts.items()},
            "left_out": dict(left),
            "files": names,
            "from": traces,
        }
        write_json(folder / "manifest.json", manifest)
    return manifest


def _prompt_key(prompt: Any) -> str:
    """A prompt's identity for the split, as in `data.sets.split`."""
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return json.dumps([(turn["role"], turn.get("content")) for turn in turns], ensure_ascii=False)


def _write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
    else:
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8")
