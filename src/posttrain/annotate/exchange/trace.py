"""The origin of a row of an export: its item, judgments, people and guideline."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from posttrain.annotate.db.hash_chain import is_whole
from posttrain.annotate.db.store import reading
from posttrain.annotate.db.tables import guidelines, items, judgments, people
from posttrain.data.files.read import read_rows
from posttrain.errors import InputError
from posttrain.files import read_json


def trace_row(engine: Engine, place: str) -> dict[str, Any]:
    """The item and judgments of a row.

    Args:
        place: ``FOLDER/train.jsonl:LINE`` of an export; in Parquet LINE is the number of the row.

    Returns:
        the row's item; each judgment with its person, display order, ranks, guideline and version, and whether its
        hash is right; and candidate → params_hash.

    Raises:
        InputError: the row or its manifest does not exist, or the database does not have its judgments.
    """
    file, _, line = place.rpartition(":")
    if not line.isdigit() or not file:
        raise InputError(f"{place}: name a row as FOLDER/train.jsonl:LINE")
    exported = next((row for n, row in enumerate(read_rows(file), 1) if n == int(line)), None)
    manifest = Path(file).with_name("manifest.json")
    if exported is None or not manifest.is_file():
        raise InputError(f"{place}: there is no such row" if exported is None else f"{manifest}: no such file")
    origin = read_json(manifest)["from"].get(str(exported.values.get("meta_id")))
    if origin is None:
        raise InputError(f"{place}: the manifest does not know this row's meta_id; was the file changed?")
    with reading(engine) as connection:
        traced: list[dict[str, Any]] = []
        name = None
        for hash in origin["judgments"]:
            columns = (judgments, people.c.name.label("by"), items.c.name.label("item"), guidelines.c.text)
            joined = select(*columns).join(people, people.c.id == judgments.c.person_id)
            joined = joined.join(items, items.c.id == judgments.c.item_id)
            version = judgments.c.body["guideline_version"].as_integer()
            on = (guidelines.c.project_id == judgments.c.project_id) & (guidelines.c.version == version)
            row = connection.execute(joined.join(guidelines, on).where(judgments.c.hash == hash)).one_or_none()
            if row is None:
                raise InputError(f"{place}: the database has no judgment {hash[:12]}; is it another --db?")
            name = row.item
            traced.append(
                {"person": row.by, "kind": row.kind, "number": row.number, **row.body, "unchanged": is_whole(row)}
                | {"at": row.created, "hash": row.hash, "guideline": row.text}
            )
    return {"row": place, "item": name, "params_hash": origin["params_hash"], "judgments": traced}
