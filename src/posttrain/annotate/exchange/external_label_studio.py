"""Rankings from Label Studio's JSON exports: tasks with their annotations.

An export has no labelling configuration. The verdict itself must therefore name the candidates: a Pairwise result names
the two columns in ``to_name``, left before right; a Ranker result names the ids of items. A task whose candidates are
not clear is refused, because a verdict with the wrong texts would teach the opposite of the person's judgment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.annotate.exchange.label_studio_pairwise import (
    chosen_ranks,
    compared_columns,
    label_studio_prompt_column,
    two_texts,
)
from posttrain.annotate.exchange.label_studio_ranker import checked_order, item_lists, items_of_order, ranks_of_order
from posttrain.annotate.exchange.row_parsing import (
    ImportedItem,
    Vote,
    candidates_in,
    item_name,
    object_in,
    objects_in,
    prompt_in,
)
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row
from posttrain.errors import InputError


@dataclass(frozen=True, slots=True)
class _Verdict:
    """A result of a Ranker or Pairwise tag, with its annotation."""

    annotation: Mapping[str, Any]
    result: Mapping[str, Any]


def read_label_studio(row: Row) -> ImportedItem:
    """Read a task: ``data`` and ``annotations``, of a Ranker over a List or of a Pairwise tag.

    A Ranker's candidates are a list of ``{id, title, body, html}`` in ``data``; those of a Pairwise tag are two texts.
    A task without annotations becomes an item without judgments.
    """
    data = object_in(row.values["data"], f"{row.where}: data")
    verdicts = list(_verdicts(row.values["annotations"], f"{row.where}: annotations"))
    kinds = {str(verdict.result["type"]) for verdict in verdicts}
    if len(kinds) > 1:
        raise InputError(f"{row.where}: annotations of two kinds, ranker and pairwise; keep one of them")
    if "ranker" in kinds or (not kinds and item_lists(data)):
        orders = [checked_order(verdict.result, f"{row.where}: ranker") for verdict in verdicts]
        listed = items_of_order(data, orders, f"{row.where}: data")
        question = label_studio_prompt_column(data, (), f"{row.where}: data")
        names = [str(candidate["id"]) for candidate in listed]
        ranks = [ranks_of_order(order, names, f"{row.where}: ranker") for order in orders]
    else:
        pairs = [compared_columns(data, verdict.result, f"{row.where}: pairwise") for verdict in verdicts]
        pairs = pairs or [two_texts(data, f"{row.where}: data")]
        if any(set(pair) != set(pairs[0]) for pair in pairs):
            raise InputError(f"{row.where}: the annotations compare different columns of data; keep one pair")
        question = label_studio_prompt_column(data, pairs[0], f"{row.where}: data")
        listed = [{"id": name, "text": data[name]} for name in pairs[0]]
        ranks = [chosen_ranks(verdict.result, pair, row.where) for verdict, pair in zip(verdicts, pairs, strict=False)]
    prompt, candidates = prompt_in(data[question], row.where), candidates_in(listed, row.where)
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    votes = [_vote(verdict.annotation, places) for verdict, places in zip(verdicts, ranks, strict=True)]
    return ImportedItem(row.where, item, votes)


def _verdicts(annotations: Any, where: str) -> Iterator[_Verdict]:
    """The verdict of each annotation, which may have only one; a second could only replace the first."""
    for annotation in objects_in(annotations, where):
        results = [] if annotation.get("was_cancelled") else objects_in(annotation.get("result", ()), f"{where}.result")
        verdicts = [result for result in results if result.get("type") in ("ranker", "pairwise")]
        if len(verdicts) > 1:
            tags = ", ".join(str(verdict.get("from_name")) for verdict in verdicts)
            raise InputError(f"{where}: one annotation has {len(verdicts)} verdicts (from_name: {tags}); keep one")
        if results and not verdicts:
            kinds = ", ".join(sorted({str(result.get("type")) for result in results}))
            raise InputError(f"{where}: no result of a Ranker or Pairwise tag, only {kinds}, which name no candidates")
        if verdicts:
            yield _Verdict(annotation, verdicts[0])


def _vote(annotation: Mapping[str, Any], ranks: dict[str, int]) -> Vote:
    seconds = annotation.get("lead_time")
    by: Any = annotation.get("completed_by")
    person = by.get("email") or by.get("id") if isinstance(by, Mapping) else by
    duration = round(1000 * seconds) if isinstance(seconds, int | float) else None
    return Vote(str(person or "unnamed"), ranks, duration_ms=duration)
