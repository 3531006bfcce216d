"""Verdicts of Label Studio's Ranker tag: the list of items and their order."""

from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.annotate.exchange.row_parsing import checked_ranks, list_in, object_in
from posttrain.errors import InputError


def checked_order(result: Mapping[str, Any], where: str) -> tuple[str, list[str]]:
    """(bucket, item ids from best to worst). Buckets have no order, so only one of them may have items."""
    ranked = object_in(object_in(result.get("value"), where).get("ranker"), where)
    filled = {str(name): list_in(ids, f"{where}.{name}") for name, ids in ranked.items() if ids}
    if len(filled) != 1:
        raise InputError(
            f"{where}: the items are in {len(filled)} buckets ({', '.join(filled) or 'none'}), whose order is not in "
            "the file; write them as one list from best to worst"
        )
    bucket, items = next(iter(filled.items()))
    return bucket, [str(item) for item in items]


def ranks_of_order(order: tuple[str, list[str]], names: list[str], where: str) -> dict[str, int]:
    """The rank of each item of a verdict."""
    bucket, items = order
    if bucket == "_" and items == names:
        raise InputError(f"{where}: nothing was moved out of `_`, the tag's bucket of items that are not placed yet")
    if len(set(items)) < len(items):
        raise InputError(f"{where}: an item occurs twice")
    return checked_ranks({name: place for place, name in enumerate(items, 1)}, names, where)


def item_lists(data: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The columns that are lists of items."""
    lists = {str(name): value for name, value in data.items() if isinstance(value, list | tuple) and value}
    return {n: list(v) for n, v in lists.items() if all(isinstance(item, Mapping) and "id" in item for item in v)}


def items_of_order(
    data: Mapping[str, Any], orders: Sequence[tuple[str, list[str]]], where: str
) -> list[dict[str, Any]]:
    """The items that the verdicts name, from the one list that has all of them."""
    named = {name for _, items in orders for name in items}
    lists = item_lists(data)
    fitting = [name for name, items in lists.items() if named <= {str(item["id"]) for item in items}]
    if len(fitting) != 1:
        raise InputError(
            f"{where}: {len(fitting)} of its lists of items ({', '.join(lists) or 'none'}) hold what the verdict "
            f"names ({', '.join(sorted(named)) or 'nothing'}); leave exactly one such list of {{id, body}}"
        )
    items, place = lists[fitting[0]], f"{where}.{fitting[0]}"
    return [{"id": item["id"], "text": _text(item, f"{place}[{n}]")} for n, item in enumerate(items)]


def _text(item: Mapping[str, Any], where: str) -> str:
    """The text of an item: its body, or else its html, or else its title."""
    texts = [item[name] for name in ("body", "html") if item.get(name)] or [item.get("title")]
    if len(texts) != 1 or not isinstance(texts[0], str) or not texts[0]:
        raise InputError(f"{where} must have one text: a body, or html, or only a title")
    return texts[0]
