"""Rankings as Argilla exports them.

A record's ``fields`` are texts or chats beside each other; the responses say which of them were ranked. Of the others,
those that ask something are the prompt. Where the names do not decide that, the record is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from posttrain.annotate.exchange.row_parsing import (
    Imported,
    Vote,
    candidates_in,
    checked_ranks,
    item_name,
    object_in,
    objects_in,
    prompt_in,
)
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row
from posttrain.errors import InputError

ASKING = ("prompt", "instruction", "question", "query", "task", "input", "context", "document")
"""Fields that together are a prompt, in their order in the record."""


def read_argilla(row: Row) -> Imported:
    """Argilla's records: ``fields`` and ``responses`` to one ranking question, whose values name fields.

    Both forms are read: ``responses: [{user_id, values: {question: {value: [{value, rank}]}}}]`` (version 1), and
    ``responses: {question: [{user_id, value: [{value, rank}]}]}`` (version 2).
    """
    fields = object_in(row.values["fields"], f"{row.where}: fields")
    votes: list[Vote] = []
    names: list[str] = []
    questions: set[str] = set()
    for question, person, value in _rankings(row.values["responses"], f"{row.where}: responses"):
        ranks = {str(one.get("value")): one["rank"] for one in value}
        if len(ranks) < len(value):
            raise InputError(f"{row.where}: responses.{question} ranks a field twice")
        names = names or sorted(ranks)
        questions.add(question)
        votes.append(Vote(person, checked_ranks(ranks, names, f"{row.where}: responses.{question}")))
    if len(questions) > 1:
        raise InputError(
            f"{row.where}: responses to {len(questions)} ranking questions ({', '.join(sorted(questions))}); "
            "keep those to one of them, a project takes one verdict a person"
        )
    if not names:
        raise InputError(
            f"{row.where}: no response to a ranking question, which is a list of {{value, rank}}; leave the record out"
        )
    if missing := [name for name in names if name not in fields]:
        raise InputError(f"{row.where}: the ranking names {missing[0]}, which is no field ({', '.join(fields)})")
    others = {name: value for name, value in fields.items() if name not in names and value not in (None, "")}
    asked = _asked(others, f"{row.where}: fields")
    prompt = prompt_in(asked, row.where)
    candidates = candidates_in([{"id": name, "text": fields[name]} for name in names], row.where)
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    return Imported(row.where, item, votes)


def _asked(others: Mapping[str, Any], where: str) -> Any:
    """The prompt: a text or a chat. A field about models is no part of it, since people rank without knowing them."""
    asking = {name: value for name, value in others.items() if "model" not in name.lower()}
    if len(asking) == 1:
        return next(iter(asking.values()))
    if not asking:
        raise InputError(f"{where}: no field beside the ranked ones asks anything; add a field `prompt`")
    unclear = [name for name, value in asking.items() if name.lower() not in ASKING or not isinstance(value, str)]
    if unclear:
        raise InputError(
            f"{where}: it is not clear which of {', '.join(asking)} people were asked, because of {unclear[0]}; "
            f"leave one of them, or texts named {', '.join(ASKING)}, and move the others to `metadata`"
        )
    return "\n\n".join(asking.values())


def _rankings(responses: Any, where: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """(question, person, ranked values) of each submitted response."""
    every: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []
    if isinstance(responses, Mapping):
        for question, some in responses.items():
            every += [(str(question), one, one) for one in objects_in(some, where)]
    else:
        for one in objects_in(responses, where):
            values = object_in(one.get("values") or {}, f"{where}: values")
            every += [(str(name), one, object_in(said, f"{where}: values")) for name, said in values.items()]
    for question, one, said in every:
        value = said.get("value")
        if not isinstance(value, list) or one.get("status", "submitted") != "submitted":
            continue
        if value and all(isinstance(v, Mapping) and "rank" in v for v in value):
            yield question, str(one.get("user_id") or "unnamed"), value
