"""Rankings as Label Studio exports them: tasks with their annotations, as JSON.

An export holds no labelling configuration. What was compared is therefore read from the verdict itself: a Pairwise
result names the two sides in ``to_name``, left before right; a Ranker result names the items. A task where the two do
not decide it is refused, since a verdict attached to another text would teach the opposite of what a person said.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posttrain.annotate.exchange.row_parsing import (
    Imported,
    Vote,
    candidates_in,
    checked_ranks,
    item_name,
    list_in,
    object_in,
    objects_in,
    prompt_in,
)
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row
from posttrain.errors import InputError

ASKING = ("prompt", "question", "instruction")
"""Columns of ``data`` that ask; `text` does where there is none of them."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A result of a Ranker or Pairwise tag, and whose it is."""

    annotation: Mapping[str, Any]
    result: Mapping[str, Any]


def read_label_studio(row: Row) -> Imported:
    """Label Studio's JSON export: ``data`` and ``annotations`` of a Ranker over a List, or of a Pairwise tag.

    A Ranker's items are a list of ``{id, title, body, html}`` in ``data``; a Pairwise tag's candidates are two texts.
    A task without annotations is an item to judge.
    """
    data = object_in(row.values["data"], f"{row.where}: data")
    verdicts = list(_verdicts(row.values["annotations"], f"{row.where}: annotations"))
    kinds = {str(one.result["type"]) for one in verdicts}
    if len(kinds) > 1:
        raise InputError(f"{row.where}: annotations of two kinds, ranker and pairwise; keep one of them")
    if "ranker" in kinds or (not kinds and _lists(data)):
        orders = [_order(one.result, f"{row.where}: ranker") for one in verdicts]
        found = _listed(data, orders, f"{row.where}: data")
        asked = _asked(data, (), f"{row.where}: data")
        names = [str(one["id"]) for one in found]
        ranks = [_ranks(order, names, f"{row.where}: ranker") for order in orders]
    else:
        pairs = [_sides(data, one.result, f"{row.where}: pairwise") for one in verdicts]
        pairs = pairs or [_two_texts(data, f"{row.where}: data")]
        if any(set(pair) != set(pairs[0]) for pair in pairs):
            raise InputError(f"{row.where}: the annotations compare different columns of data; keep those of one pair")
        asked = _asked(data, pairs[0], f"{row.where}: data")
        found = [{"id": name, "text": data[name]} for name in pairs[0]]
        ranks = [_chosen(one.result, pair, row.where) for one, pair in zip(verdicts, pairs, strict=False)]
    prompt, candidates = prompt_in(data[asked], row.where), candidates_in(found, row.where)
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    return Imported(row.where, item, [_vote(one.annotation, r) for one, r in zip(verdicts, ranks, strict=True)])


def _verdicts(annotations: Any, where: str) -> Iterator[_Verdict]:
    """The one verdict of each annotation; a person's second one could only replace the first."""
    for annotation in objects_in(annotations, where):
        results = [] if annotation.get("was_cancelled") else objects_in(annotation.get("result", ()), f"{where}.result")
        found = [one for one in results if one.get("type") in ("ranker", "pairwise")]
        if len(found) > 1:
            tags = ", ".join(str(one.get("from_name")) for one in found)
            raise InputError(f"{where}: one annotation holds {len(found)} verdicts (from_name: {tags}); keep one tag's")
        if results and not found:
            kinds = ", ".join(sorted({str(one.get("type")) for one in results}))
            raise InputError(f"{where}: no result of a Ranker or Pairwise tag, only {kinds}; these name no candidates")
        if found:
            yield _Verdict(annotation, found[0])


def _vote(annotation: Mapping[str, Any], ranks: dict[str, int]) -> Vote:
    took = annotation.get("lead_time")
    by: Any = annotation.get("completed_by")
    person = by.get("email") or by.get("id") if isinstance(by, Mapping) else by
    return Vote(
        str(person or "unnamed"), ranks, duration_ms=round(1000 * took) if isinstance(took, int | float) else None
    )


def _asked(data: Mapping[str, Any], compared: Sequence[str], where: str) -> str:
    """The column that asks."""
    found = [name for name in ASKING if name not in compared and data.get(name) not in (None, "")]
    if not found and "text" not in compared and data.get("text") not in (None, ""):
        found = ["text"]
    if not found:
        raise InputError(f"{where} has no prompt, question, instruction or text ({', '.join(map(str, data))})")
    if len(found) > 1:
        raise InputError(f"{where} has {' and '.join(found)}: which of them people were asked is not clear; keep one")
    return found[0]


# ---- Pairwise


def _sides(data: Mapping[str, Any], result: Mapping[str, Any], where: str) -> tuple[str, str]:
    """The columns on the left and on the right, as the verdict names them."""
    named = [name.strip() for name in str(result.get("to_name") or "").split(",") if name.strip()]
    if not named:
        return _two_texts(data, where)
    if len(named) == 2 and named[0] != named[1] and all(name in data for name in named):
        return named[0], named[1]
    texts, numbers = _texts(data, where), [_number(name) for name in named]
    numbered = {_number(name): name for name in texts if _number(name)}
    if len(texts) == len(set(numbers)) == len(named) == 2 and set(numbers) == set(numbered):
        return numbered[numbers[0]], numbered[numbers[1]]  # tags `txt-1,txt-2` over the columns text1 and text2
    raise InputError(
        f"{where}: to_name is {', '.join(named)}, and data has the columns {', '.join(map(str, data))}; which column "
        "was on the left is not clear. Rename the two columns to the names in to_name, left before right"
    )


def _two_texts(data: Mapping[str, Any], where: str) -> tuple[str, str]:
    """The two texts beside the prompt, where there are exactly two."""
    texts = _texts(data, where)
    if len(texts) != 2:
        raise InputError(
            f"{where}: the verdict names no columns (to_name), and beside the prompt data has "
            f"{', '.join(texts) or 'no texts'}; leave exactly the two texts that were compared"
        )
    return texts[0], texts[1]


def _texts(data: Mapping[str, Any], where: str) -> list[str]:
    """The columns of texts beside the one that asks."""
    asked = _asked(data, (), where)
    return [str(name) for name, value in data.items() if isinstance(value, str) and name != asked]


def _number(name: str) -> str:
    found = re.search(r"\d+$", name)
    return found[0] if found else ""


def _chosen(result: Mapping[str, Any], pair: tuple[str, str], where: str) -> dict[str, int]:
    selected = object_in(result.get("value"), f"{where}: value").get("selected")
    if selected not in ("left", "right"):
        raise InputError(
            f"{where}: selected must be left or right, this is {selected!r:.40}; the tag has no ties, and writes none "
            "where nothing was chosen. Leave the annotation out"
        )
    return {pair[0]: 1, pair[1]: 2} if selected == "left" else {pair[0]: 2, pair[1]: 1}


# ---- Ranker


def _order(result: Mapping[str, Any], where: str) -> tuple[str, list[str]]:
    """(bucket, items from best to worst). Buckets have no order among themselves, so that only one may hold items."""
    ranked = object_in(object_in(result.get("value"), where).get("ranker"), where)
    filled = {str(name): list_in(some, f"{where}.{name}") for name, some in ranked.items() if some}
    if len(filled) != 1:
        raise InputError(
            f"{where}: the items stand in {len(filled)} buckets ({', '.join(filled) or 'none'}), whose order is not in "
            "the file; write them as one list from best to worst"
        )
    bucket, items = next(iter(filled.items()))
    return bucket, [str(one) for one in items]


def _ranks(order: tuple[str, list[str]], names: list[str], where: str) -> dict[str, int]:
    bucket, items = order
    if bucket == "_" and items == names:
        raise InputError(f"{where}: nothing was moved out of `_`, the tag's bucket of items not yet placed")
    if len(set(items)) < len(items):
        raise InputError(f"{where}: an item stands twice")
    return checked_ranks({name: place for place, name in enumerate(items, 1)}, names, where)


def _lists(data: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The columns that hold lists of items."""
    lists = {str(name): value for name, value in data.items() if isinstance(value, list | tuple) and value}
    return {n: list(v) for n, v in lists.items() if all(isinstance(one, Mapping) and "id" in one for one in v)}


def _listed(data: Mapping[str, Any], orders: Sequence[tuple[str, list[str]]], where: str) -> list[dict[str, Any]]:
    """The items of the list that the verdicts name."""
    named = {name for _, items in orders for name in items}
    lists = _lists(data)
    fitting = [name for name, some in lists.items() if named <= {str(one["id"]) for one in some}]
    if len(fitting) != 1:
        raise InputError(
            f"{where}: {len(fitting)} of its lists of items ({', '.join(lists) or 'none'}) hold what the verdict "
            f"names ({', '.join(sorted(named)) or 'nothing'}); leave exactly one such list of {{id, body}}"
        )
    return [
        {"id": one["id"], "text": _text(one, f"{where}.{fitting[0]}[{n}]")} for n, one in enumerate(lists[fitting[0]])
    ]


def _text(item: Mapping[str, Any], where: str) -> str:
    """What an item says: its body, or else its html, or else its title."""
    said = [item[name] for name in ("body", "html") if item.get(name)] or [item.get("title")]
    if len(said) != 1 or not isinstance(said[0], str) or not said[0]:
        raise InputError(f"{where} must have one text: a body, or html, or only a title")
    return said[0]
