"""From judgments to training data: rankings, preference pairs, SFT rows from rewrites; and where each row comes from.

An export is a folder: ``train`` and perhaps ``validation`` (JSON lines or Parquet), and ``manifest.json``, which ties
every row to its judgments, their guideline and the settings behind its candidates.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import Connection, select

from posttrain.annotate.characters import whole
from posttrain.annotate.db.hash_chain import broken_links
from posttrain.annotate.db.store import Row
from posttrain.annotate.db.tables import items, judgments, people
from posttrain.annotate.exchange.aggregate import Consensus, Method, majority, plackett_luce
from posttrain.annotate.exchange.pairs import Policy, pairs_of, weight_of
from posttrain.annotate.work.judging import current
from posttrain.data.sets.split import TRAIN, VALIDATION, falls_within
from posttrain.errors import InputError
from posttrain.files import hash_of, sha256_of, whole_folder, write_json
from posttrain.options import Options

What = Literal["pairs", "rankings", "sft"]


class ExportOptions(Options):
    """What to export, and how."""

    what: What = Field(default="pairs", description="pairs (TRL's columns), rankings (every person's), sft (rewrites)")
    policy: Policy = Field(default="all", description="which pairs of a ranking")
    aggregate: Method = Field(default="majority", description="how several people's rankings become one")
    least: float = Field(default=0.0, ge=0, le=1, description="share of people (or probability) that a pair needs")
    validation: float = Field(default=0.0, ge=0, lt=1, description="share of prompts held out")
    seed: int = Field(default=0, ge=0, description="of the split")
    simulated: bool = Field(default=False, description="with the judgments of simulated annotators, marked")
    form: Literal["jsonl", "parquet"] = Field(default="jsonl", description="kind of file")


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with the judgments that count: people's rankings, or the adjudicator's alone."""

    item: Row
    judgments: Sequence[Row]

    @property
    def ranks(self) -> list[dict[str, int]]:
        """The judgments' ranks."""
        return [row.body["ranks"] for row in self.judgments]


def judged_items(connection: Connection, project: Row, *, simulated: bool) -> tuple[list[Judged], Counter[str]]:
    """The items that are done, and how many are left out, by reason. Gold items are for people, not for training."""
    rows = connection.execute(
        select(items).where(items.c.project_id == project.id, items.c.gold.is_(None)).order_by(items.c.id)
    ).all()
    said = {kind: _by_item(connection, project, kind, simulated=simulated) for kind in ("ranking", "adjudication")}
    found, left = list[Judged](), Counter[str]()
    for item in rows:
        counting = said["adjudication"].get(item.id, [])[-1:] or said["ranking"].get(item.id, [])
        if item.state not in ("done", "settled"):
            left["not judged by all yet" if item.state == "open" else str(item.state)] += 1
        elif not counting:
            left["no judgment that counts"] += 1
        else:
            found.append(Judged(item, counting))
    return found, left


def _by_item(connection: Connection, project: Row, kind: str, *, simulated: bool) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in connection.execute(current(kind=kind).where(judgments.c.project_id == project.id)):
        if simulated or row.body["origin"] != "simulated":
            found.setdefault(row.item_id, []).append(row)
    return found


def rows_of(connection: Connection, project: Row, options: ExportOptions) -> tuple[list[dict[str, Any]], Counter[str]]:
    """All rows, each with its id in ``meta_id`` and what stands behind it in ``meta_from``; and what was left out."""
    found, left = judged_items(connection, project, simulated=options.simulated)
    names = {r.id: r.name for r in connection.execute(select(people.c.id, people.c.name))}
    rows: list[dict[str, Any]] = []
    if options.what == "pairs":
        for judged, consensus in zip(found, _consensus(found, options.aggregate), strict=True):
            made = list(_pair_rows(judged, consensus, options))
            left["no pair with enough support"] += not made
            rows += made
    elif options.what == "rankings":
        rows = [_ranking_row(judged.item, row, names[row.person_id]) for judged in found for row in judged.judgments]
    else:
        rows = [_sft_row(judged.item, row) for judged in found for row in judged.judgments if row.body["rewrite"]]
    return rows, +left


def export(connection: Connection, project: Row, options: ExportOptions, out: Path) -> dict[str, Any]:
    """Write an export's folder.

    Returns:
        its manifest.

    Raises:
        InputError: the folder is there already, or there is nothing to write.
    """
    if out.exists():
        raise InputError(f"--out {out}: is there already; choose another name")
    broken = next(broken_links(connection, project), None)
    if broken is not None:
        raise InputError(f"project {project.name}: {broken}; its chain of judgments is broken, nothing is exported")
    rows, left = rows_of(connection, project, options)
    if not rows:
        told = ", ".join(f"{count} {reason}" for reason, count in left.items()) or "it has no items"
        raise InputError(f"project {project.name}: no row to export ({told})")
    parts: dict[str, list[dict[str, Any]]] = {TRAIN: [], VALIDATION: []}
    traces = {row["meta_id"]: row.pop("meta_from") for row in rows}
    for row in rows:
        held = falls_within(_prompt_key(row["prompt"]), options.validation, options.seed)
        parts[VALIDATION if held else TRAIN].append(row)
    with whole_folder(out) as folder:
        names: dict[str, str] = {}
        for part, some in parts.items():
            if some:
                _write(folder / f"{part}.{options.form}", some)
                names[f"{part}.{options.form}"] = sha256_of(folder / f"{part}.{options.form}")
        manifest = {
            "project": project.name,
            "options": options.model_dump(mode="json"),
            "chain": {"judgments": project.judgments, "head": project.head},
            "rows": {part: len(some) for part, some in parts.items()},
            "left_out": dict(left),
            "files": names,
            "from": traces,
        }
        write_json(folder / "manifest.json", manifest)
    return manifest


def _consensus(found: Sequence[Judged], method: Method) -> list[Consensus]:
    if method == "majority" or not found:
        return [majority(judged.ranks) for judged in found]
    said = [[(str(row.person_id), row.body["ranks"]) for row in judged.judgments] for judged in found]
    return plackett_luce(said)[0]


def _pair_rows(judged: Judged, consensus: Consensus, options: ExportOptions) -> Iterator[dict[str, Any]]:
    item = judged.item
    candidates = {candidate["id"]: candidate for candidate in item.candidates}
    weight = weight_of(len(candidates), options.policy)
    for pair in pairs_of(consensus, options.policy, least=options.least):
        better, worse = candidates[pair.better], candidates[pair.worse]
        row = {
            **_question(item),
            "chosen": better.get("turns") or _answer(item, better["text"]),
            "rejected": worse.get("turns") or _answer(item, worse["text"]),
            "meta_item": item.name,
            "meta_weight": weight,
            "meta_agreement": round(pair.support, 6),
            "meta_people": consensus.people,
            "meta_simulated": any(row.body["origin"] == "simulated" for row in judged.judgments),
        }
        yield _traced(row, judged.judgments, {"chosen": better, "rejected": worse})


def _ranking_row(item: Row, judgment: Row, name: str) -> dict[str, Any]:
    body = judgment.body
    row = {
        "id": item.name,
        **_question(item),
        "candidates": item.candidates,
        "ranks": body["ranks"],
        "annotator": name,
        "shown_order": body["shown_order"],
        "guideline_version": body["guideline_version"],
        "duration_ms": body["duration_ms"],
        "meta_kind": judgment.kind,
        "meta_all_bad": body["all_bad"],
        "meta_criteria": json.dumps(body["criteria"], ensure_ascii=False),
        "meta_simulated": body["origin"] == "simulated",
    }
    return _traced(row, [judgment], {candidate["id"]: candidate for candidate in item.candidates})


def _sft_row(item: Row, judgment: Row) -> dict[str, Any]:
    row = {**_question(item), "completion": _answer(item, whole(judgment.body["rewrite"])), "meta_item": item.name}
    row["meta_simulated"] = judgment.body["origin"] == "simulated"
    return _traced(row, [judgment], {candidate["id"]: candidate for candidate in item.candidates})


def _question(item: Row) -> dict[str, Any]:
    tools = item.about.get("tools")
    return {"prompt": item.prompt, **({"tools": tools} if tools else {})}


def _answer(item: Row, text: str) -> Any:
    """A text beside a text, a message beside messages."""
    return text if isinstance(item.prompt, str) else [{"role": "assistant", "content": text}]


def _traced(row: dict[str, Any], behind: Sequence[Row], candidates: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: candidate.get("params_hash") for name, candidate in candidates.items()}
    trace = {
        "judgments": [one.hash for one in behind],
        "guideline_versions": sorted({one.body["guideline_version"] for one in behind}),
        "params_hash": known,
    }
    return {**row, "meta_id": hash_of([row, trace])[:16], "meta_from": trace}


def _prompt_key(prompt: Any) -> str:
    """What makes two prompts the same, as `data.split` has it."""
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return json.dumps([(turn["role"], turn.get("content")) for turn in turns], ensure_ascii=False)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)
    else:
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8")
