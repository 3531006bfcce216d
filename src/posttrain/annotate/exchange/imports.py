"""Items and rankings from files: our own ranking rows, and what other tools export.

To read a further convention, write a function from a `Row` to an `Imported` and add a line to `READERS`.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from posttrain.annotate.db.hash_chain import append
from posttrain.annotate.db.store import locked_project
from posttrain.annotate.db.tables import items, people, projects
from posttrain.annotate.exchange.external_argilla import read_argilla
from posttrain.annotate.exchange.external_formats import read_mt_bench, read_pandalm
from posttrain.annotate.exchange.external_label_studio import read_label_studio
from posttrain.annotate.exchange.row_parsing import (
    Imported,
    Vote,
    candidates_in,
    checked_ranks,
    item_name,
    list_in,
    name_in,
    prompt_in,
    whole_in,
)
from posttrain.annotate.people.accounts import add_person, note
from posttrain.annotate.people.names import tidy_name
from posttrain.annotate.problems import Invalid
from posttrain.annotate.work.projects import Item, add_items, guideline_of
from posttrain.data.files.read import Row, read_rows
from posttrain.errors import InputError
from posttrain.statistics.rank_distance import dense

_OURS = frozenset(
    {"id", "prompt", "candidates", "ranks", "annotator", "shown_order", "guideline_version", "duration_ms"}
    | {"slice", "task", "gold", "priority"}
)


def read_ranking_row(row: Row) -> Imported:
    """``prompt, candidates`` and perhaps ``id, ranks, annotator, shown_order, gold, priority, slice``."""
    values = row.values
    prompt = prompt_in(values["prompt"], row.where)
    candidates = candidates_in(values["candidates"], row.where)
    names = [candidate["id"] for candidate in candidates]
    gold = values.get("gold")
    item = Item(
        item_name(values.get("id"), prompt, candidates, row.where),
        prompt,
        candidates,
        about={name: value for name, value in values.items() if name not in _OURS},
        slice=name_in(values.get("slice") or values.get("task"), f"{row.where}: slice"),
        gold=None if gold is None else checked_ranks(gold, names, f"{row.where}: gold"),
        priority=whole_in(values.get("priority"), f"{row.where}: priority", least=-(2**31)) or 0,
    )
    if values.get("ranks") is None:
        return Imported(row.where, item, ())
    given = values.get("shown_order")
    shown = None if given is None else [str(name) for name in list_in(given, f"{row.where}: shown_order")]
    if shown is not None and sorted(shown) != sorted(names):
        raise InputError(f"{row.where}: shown_order must name every candidate once")
    vote = Vote(
        name_in(values.get("annotator"), f"{row.where}: annotator") or "unnamed",
        checked_ranks(values["ranks"], names, f"{row.where}: ranks"),
        shown=shown,
        duration_ms=whole_in(values.get("duration_ms"), f"{row.where}: duration_ms", least=0),
        simulated=bool(values.get("meta_simulated")),
    )
    return Imported(row.where, item, (vote,))


@dataclass(frozen=True, slots=True)
class Reader:
    """A way of writing rankings: its name, the columns it is told by, and its reader."""

    name: str
    required: tuple[str, ...]
    read: Callable[[Row], Imported]


READERS = (
    Reader("ranking", ("prompt", "candidates"), read_ranking_row),
    Reader("PandaLM", ("instruction", "response1", "response2"), read_pandalm),
    Reader("MT-bench", ("question_id", "model_a", "model_b", "winner"), read_mt_bench),
    Reader("Argilla", ("fields", "responses"), read_argilla),
    Reader("Label Studio", ("data", "annotations"), read_label_studio),
)


def read_imports(source: str, *, base: Path | None = None) -> Iterator[Imported]:
    """The items of a file or folder, with the rankings they bring; rows of one item come together.

    Raises:
        InputError: no convention fits, or a row breaks its own; naming file and line.
    """
    reader: Reader | None = None
    known: dict[str, Imported] = {}
    for row in read_rows(source, base=base):
        reader = reader or _reader_of(row)
        missing = [column for column in reader.required if column not in row.values]
        if missing:
            raise InputError(f"{row.where}: no column `{missing[0]}` ({reader.name}), which the first row has")
        found = reader.read(row)
        if "\\u0000" in json.dumps([found.item.prompt, found.item.candidates, found.item.about]):
            raise InputError(f"{row.where}: holds a NUL character, which databases do not take; remove it")
        before = known.get(found.item.name)
        if before is not None:
            if _asked(before.item) != _asked(found.item):
                raise InputError(
                    f"{row.where}: {found.item.name} has another prompt or other candidates than at {before.where}"
                )
            found = replace(before, votes=(*before.votes, *found.votes))
        known[found.item.name] = found
    yield from known.values()


def add_imports(
    connection: Connection, project: int, found: Iterator[Imported], at: float, *, by: int | None
) -> dict[str, int]:
    """Add items with their rankings, which join the project's chain as said elsewhere.

    Returns:
        what was added: items, judgments, people; and items that were there already.
    """
    row = locked_project(connection, project)
    version = guideline_of(connection, project).version
    every = list(found)
    new = add_items(connection, row, (one.item for one in every))
    known = {r.name.lower(): r.id for r in connection.execute(select(people.c.name, people.c.id))}
    before, judgments = len(known), 0
    for one in every:
        if one.item.name not in new:
            continue
        last: dict[str, Vote] = {tidy_name(vote.person).lower(): vote for vote in one.votes}
        for name, vote in last.items():
            if name not in known:
                known[name] = _newcomer(connection, one.where, vote, at)
            append(connection, row, _judgment(one.item, new[one.item.name], known[name], vote, version, at))
            row = connection.execute(select(projects).where(projects.c.id == project)).one()
            judgments += 1
        if last:
            done = update(items).where(items.c.id == new[one.item.name])
            connection.execute(done.values(judged=len(last), wanted=len(last), state="done"))
    counts = {
        "items": len(new),
        "judgments": judgments,
        "people": len(known) - before,
        "known already": len(every) - len(new),
    }
    note(connection, at, by, "imported", project=project, **counts)
    return counts


def _newcomer(connection: Connection, where: str, vote: Vote, at: float) -> int:
    """A person who judged elsewhere, and never signs in."""
    try:
        return add_person(connection, vote.person, "annotator", at, origin=_origin(vote)).id
    except Invalid as problem:
        raise InputError(f"{where}: the annotator {vote.person[:60]!r}: {problem}") from problem


def _origin(vote: Vote) -> str:
    return "simulated" if vote.simulated else "import"


def _judgment(item: Item, number: int, person: int, vote: Vote, version: int, at: float) -> dict[str, Any]:
    return {
        "item_id": number,
        "person_id": person,
        "kind": "ranking",
        "revision": 1,
        "created": at,
        "key": None,
        "body": {
            "ranks": dense(vote.ranks),
            "shown_order": vote.shown or [candidate["id"] for candidate in item.candidates],
            "guideline_version": version,
            "duration_ms": vote.duration_ms,
            "all_bad": False,
            "criteria": {},
            "rewrite": None,
            "origin": _origin(vote),
        },
    }


def _asked(item: Item) -> Any:
    """What makes two rows the same item."""
    return json.dumps([item.prompt, [(c["id"], c["text"]) for c in item.candidates]])


def _reader_of(row: Row) -> Reader:
    for reader in READERS:
        if all(column in row.values for column in reader.required):
            return reader
    known = "; ".join(f"{', '.join(reader.required)} ({reader.name})" for reader in READERS)
    raise InputError(f"{row.where}: the columns ({', '.join(row.values)}) fit no convention, which are {known}")
