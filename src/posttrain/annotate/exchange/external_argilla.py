"""Rankings from Argilla's exports.

A record's ``fields`` are texts or chats. The responses name the fields that people ranked: these are the candidates.
The prompt is made of the other fields. If their names do not show which of them are the prompt, the record is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from posttrain.annotate.exchange.row_parsing import (
    ImportedItem,
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

PROMPT_FIELDS = ("prompt", "instruction", "question", "query", "task", "input", "context", "document")
"""Names of fields that together are the prompt, in the order of the record."""


def read_argilla(row: Row) -> ImportedItem:
    """Read a record: ``fields``, and ``responses`` to one ranking question, whose values name fields.

    Both versions are read: ``responses: [{user_id, values: {question: {value: [{value, rank}]}}}]`` (version 1), and
    ``responses: {question: [{user_id, value: [{value, rank}]}]}`` (version 2).
    """
    fields = object_in(row.values["fields"], f"{row.where}: fields")
    votes: list[Vote] = []
    names: list[str] = []
    questions: set[str] = set()
    for question, person, value in _rankings(row.values["responses"], f"{row.where}: responses"):
        ranks = {str(entry.get("value")): entry["rank"] for entry in value}
        if len(ranks) < len(value):
            raise InputError(f"{row.where}: responses.{question} ranks a field twice")
        names = names or sorted(ranks)
        questions.add(question)
        votes.append(Vote(person, checked_ranks(ranks, names, f"{row.where}: responses.{question}")))
    if len(questions) > 1:
        raise InputError(
            f"{row.where}: responses to {len(questions)} ranking questions ({', '.join(sorted(questions))}); "
            "keep the responses to one of them, since a project takes one judgment per person and item"
        )
    if not names:
        raise InputError(
            f"{row.where}: no response to a ranking question, which is a list of {{value, rank}}; leave the record out"
        )
    if missing := [name for name in names if name not in fields]:
        raise InputError(f"{row.where}: the ranking names {missing[0]}, which is no field ({', '.join(fields)})")
    others = {name: value for name, value in fields.items() if name not in names and value not in (None, "")}
    prompt = prompt_in(_prompt_value(others, f"{row.where}: fields"), row.where)
    candidates = candidates_in([{"id": name, "text": fields[name]} for name in names], row.where)
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    return ImportedItem(row.where, item, votes)


def _prompt_value(others: Mapping[str, Any], where: str) -> Any:
    """The prompt: a text or a chat. Fields about models are left out, since people rank without this knowledge."""
    fields = {name: value for name, value in others.items() if "model" not in name.lower()}
    if len(fields) == 1:
        return next(iter(fields.values()))
    if not fields:
        raise InputError(f"{where}: no field besides the ranked fields holds a prompt; add a field `prompt`")
    unclear = [name for name, text in fields.items() if name.lower() not in PROMPT_FIELDS or not isinstance(text, str)]
    if unclear:
        raise InputError(
            f"{where}: it is not clear which of {', '.join(fields)} is the prompt, because of {unclear[0]}; "
            f"leave one of them, or texts named {', '.join(PROMPT_FIELDS)}, and move the others to `metadata`"
        )
    return "\n\n".join(fields.values())


def _rankings(responses: Any, where: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """(question, person, ranked values) of each submitted response to a ranking question."""
    answers: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []  # (question, response, answer)
    if isinstance(responses, Mapping):
        for question, listed in responses.items():
            answers += [(str(question), response, response) for response in objects_in(listed, where)]
    else:
        for response in objects_in(responses, where):
            values = object_in(response.get("values") or {}, f"{where}: values")
            answers += [(str(name), response, object_in(value, f"{where}: values")) for name, value in values.items()]
    for question, response, answer in answers:
        value = answer.get("value")
        if not isinstance(value, list) or response.get("status", "submitted") != "submitted":
            continue
        if value and all(isinstance(v, Mapping) and "rank" in v for v in value):
            yield question, str(response.get("user_id") or "unnamed"), value
