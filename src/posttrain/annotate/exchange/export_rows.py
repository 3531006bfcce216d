"""Rows of training data from judgments: preference pairs, rankings, and SFT rows from rewrites."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from posttrain.annotate.characters import replace_lone_surrogates
from posttrain.annotate.db.store import DbRow
from posttrain.annotate.db.tables import items, judgments, people
from posttrain.annotate.exchange.aggregate import Aggregation, Consensus, majority_consensus, plackett_luce_consensus
from posttrain.annotate.exchange.export_options import ExportOptions
from posttrain.annotate.exchange.pairs import pair_weight, ranked_pairs
from posttrain.annotate.work.judging import current_judgments
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.files import hash_of


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with the judgments that count: people's rankings, or only the adjudicator's judgment."""

    item: DbRow
    judgments: Sequence[DbRow]

    @property
    def ranks(self) -> list[dict[str, int]]:
        """The ranks of each judgment."""
        return [row.body["ranks"] for row in self.judgments]


def judged_items(connection: Connection, project: DbRow, *, simulated: bool) -> tuple[list[Judged], Counter[str]]:
    """The items that are done, and the number of other items by reason; gold items are never exported."""
    rows = connection.execute(
        select(items).where(items.c.project_id == project.id, items.c.gold.is_(None)).order_by(items.c.id)
    ).all()
    by_kind = {
        kind: _judgments_by_item(connection, project, kind, simulated=simulated) for kind in ("ranking", "adjudication")
    }
    done, left = list[Judged](), Counter[str]()
    for item in rows:
        counting = by_kind["adjudication"].get(item.id, [])[-1:] or by_kind["ranking"].get(item.id, [])
        if item.state not in ("done", "settled"):
            left["not judged by all yet" if item.state == "open" else str(item.state)] += 1
        elif not counting:
            left["no judgment that counts"] += 1
        else:
            done.append(Judged(item, counting))
    return done, left


def _judgments_by_item(connection: Connection, project: DbRow, kind: str, *, simulated: bool) -> dict[int, list[DbRow]]:
    by_item: dict[int, list[DbRow]] = {}
    for row in connection.execute(current_judgments(kind=kind).where(judgments.c.project_id == project.id)):
        if simulated or row.body["origin"] != "simulated":
            by_item.setdefault(row.item_id, []).append(row)
    return by_item


def export_rows(
    connection: Connection, project: DbRow, options: ExportOptions
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """All rows, and the number of items that are left out by reason.

    ``meta_id`` is a row's id; ``meta_from`` has its judgments, guideline versions and params_hash.
    """
    done, left = judged_items(connection, project, simulated=options.simulated)
    names = {r.id: r.name for r in connection.execute(select(people.c.id, people.c.name))}
    rows: list[dict[str, Any]] = []
    if options.what == "pairs":
        for judged, consensus in zip(done, _consensus(done, options.aggregate), strict=True):
            pairs = list(_pair_rows(judged, consensus, options))
            left["no pair with enough support"] += not pairs
            rows += pairs
    elif options.what == "rankings":
        rows = [_ranking_row(judged.item, row, names[row.person_id]) for judged in done for row in judged.judgments]
    else:
        rows = [_sft_row(judged.item, row) for judged in done for row in judged.judgments if row.body["rewrite"]]
    return rows, +left


def _consensus(done: Sequence[Judged], method: Aggregation) -> list[Consensus]:
    if method == "majority" or not done:
        return [majority_consensus(judged.ranks) for judged in done]
    judgments = [[(str(row.person_id), row.body["ranks"]) for row in judged.judgments] for judged in done]
    return plackett_luce_consensus(judgments)[0]


def _pair_rows(judged: Judged, consensus: Consensus, options: ExportOptions) -> Iterator[dict[str, Any]]:
    item = judged.item
    candidates = {candidate["id"]: candidate for candidate in item.candidates}
    weight = pair_weight(len(candidates), options.pairs)
    for pair in ranked_pairs(consensus, options.pairs, least=options.least):
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


def _ranking_row(item: DbRow, judgment: DbRow, name: str) -> dict[str, Any]:
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


def _sft_row(item: DbRow, judgment: DbRow) -> dict[str, Any]:
    row = {
        **_question(item),
        "completion": _answer(item, replace_lone_surrogates(judgment.body["rewrite"])),
        "meta_item": item.name,
        "meta_simulated": judgment.body["origin"] == "simulated",
    }
    return _traced(row, [judgment], {candidate["id"]: candidate for candidate in item.candidates})


def _question(item: DbRow) -> dict[str, Any]:
    kept = {name: item.about[name] for name in ("tools", ROW_ARGUMENTS) if item.about.get(name)}
    return {"prompt": item.prompt, **kept}


def _answer(item: DbRow, text: str) -> Any:
    """An answer in the form of the prompt: a text for a text, a message for messages."""
    return text if isinstance(item.prompt, str) else [{"role": "assistant", "content": text}]


def _traced(row: dict[str, Any], judged: Sequence[DbRow], candidates: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its id and its origin."""
    params = {name: candidate.get("params_hash") for name, candidate in candidates.items()}
    trace = {
        "judgments": [judgment.hash for judgment in judged],
        "guideline_versions": sorted({judgment.body["guideline_version"] for judgment in judged}),
        "params_hash": params,
    }
    return {**row, "meta_id": hash_of([row, trace])[:16], "meta_from": trace}
