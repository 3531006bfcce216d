"""Rankings as other tools and data sets write them."""

from collections.abc import Iterator, Mapping
from typing import Any

from posttrain.annotate.projects import Item
from posttrain.annotate.reading import (
    Imported,
    Vote,
    candidates_in,
    checked_ranks,
    item_name,
    list_in,
    object_in,
    prompt_in,
)
from posttrain.data.read import Row
from posttrain.data.strict_json import kind_of
from posttrain.errors import InputError

_PAIR_RANKS = {0: {"1": 1, "2": 1}, 1: {"1": 1, "2": 2}, 2: {"1": 2, "2": 1}}


def read_pandalm(row: Row) -> Imported:
    """PandaLM: ``instruction, input, response1, response2``; ``annotator1, annotator2...``: 0 tie, 1 first, 2 second.

    Y. Wang et al., "PandaLM: An Automatic Evaluation Benchmark for LLM Instruction Tuning Optimization" (2023).
    """
    values = row.values
    prompt = "\n\n".join(str(values[name]) for name in ("instruction", "input") if values.get(name))
    models = str(values.get("cmp_key") or "").split("_")
    pair = models if len(models) == 2 else [None, None]
    texts = [
        {"id": n, "text": _said(values[f"response{n}"]), "model": model} for n, model in zip("12", pair, strict=True)
    ]
    asked, candidates = prompt_in(prompt, row.where), candidates_in(texts, row.where)
    item = Item(
        item_name(values.get("idx"), asked, candidates, row.where),
        asked,
        candidates,
        slice=str(values["motivation_app"])[:200] if values.get("motivation_app") else None,
    )
    votes: list[Vote] = []
    for name in sorted(key for key in values if key.startswith("annotator")):
        said = values[name]
        if isinstance(said, bool) or said not in _PAIR_RANKS:
            raise InputError(f"{row.where}: {name} must be 0 (tie), 1 or 2, this is {said!r:.40}")
        votes.append(Vote(name, _PAIR_RANKS[said]))
    return Imported(row.where, item, votes)


def read_mt_bench(row: Row) -> Imported:
    """MT-bench: ``question_id, model_a, model_b, winner, judge, turn, conversation_a, conversation_b``.

    The two conversations share their questions; what is compared is the last answer of each.
    L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023).
    """
    values = row.values
    talks = [_conversation(values.get(f"conversation_{side}"), f"{row.where}: conversation_{side}") for side in "ab"]
    turn = values.get("turn", 1)
    if isinstance(turn, bool) or not isinstance(turn, int) or turn < 1:
        raise InputError(f"{row.where}: turn must be 1 or more, this is {turn!r:.40}")
    talks = [talk[: 2 * turn] for talk in talks]
    if [t for t in talks[0] if t["role"] == "user"] != [t for t in talks[1] if t["role"] == "user"]:
        raise InputError(f"{row.where}: the two conversations ask different questions")
    if any(not talk or talk[-1]["role"] != "assistant" for talk in talks):
        raise InputError(f"{row.where}: both conversations must end with an answer at turn {turn}")
    winners = {"model_a": _PAIR_RANKS[1], "model_b": _PAIR_RANKS[2]}
    winner = str(values["winner"])
    if winner not in winners and not winner.startswith("tie"):
        raise InputError(f"{row.where}: winner must be model_a, model_b or tie, this is {winner[:40]}")
    models = [str(values["model_a"]), str(values["model_b"])]
    texts = [
        {"id": n, "text": talk[-1]["content"], "model": model}
        for n, talk, model in zip("12", talks, models, strict=True)
    ]
    shared = talks[0][:-1] if talks[0][:-1] == talks[1][:-1] else [t for t in talks[0] if t["role"] == "user"][-1:]
    item = Item(
        "/".join([str(values["question_id"]), str(turn), *models]),
        prompt_in(shared, row.where),
        candidates_in(texts, row.where),
    )
    vote = Vote(str(values.get("judge") or "unnamed"), winners.get(winner, _PAIR_RANKS[0]))
    return Imported(row.where, item, (vote,))


def read_argilla(row: Row) -> Imported:
    """Argilla's records: ``fields`` and ``responses`` to one ranking question, whose values name fields.

    Both forms are read: ``responses: [{user_id, values: {question: {value: [{value, rank}]}}}]`` (version 1), and
    ``responses: {question: [{user_id, value: [{value, rank}]}]}`` (version 2).
    """
    fields = object_in(row.values["fields"], f"{row.where}: fields")
    votes: list[Vote] = []
    names: list[str] = []
    for person, value in _argilla_values(row.values["responses"], f"{row.where}: responses"):
        ranks = {str(one.get("value")): one["rank"] for one in value}
        names = names or sorted(ranks)
        votes.append(Vote(person, checked_ranks(ranks, names, f"{row.where}: responses")))
    if not names:
        raise InputError(f"{row.where}: no response to a ranking question; leave the record out")
    if missing := [name for name in names if name not in fields]:
        raise InputError(f"{row.where}: the ranking names {missing[0]}, which is no field ({', '.join(fields)})")
    prompt = prompt_in("\n\n".join(str(text) for name, text in fields.items() if name not in names), row.where)
    candidates = candidates_in([{"id": name, "text": fields[name]} for name in names], row.where)
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    return Imported(row.where, item, votes)


def read_label_studio(row: Row) -> Imported:
    """Label Studio's JSON export: ``data`` and ``annotations`` of a Ranker over a List, or of a Pairwise tag.

    A Ranker's items are ``data.items: [{id, title, body}]`` (or another key holding such a list); a Pairwise tag's
    candidates are the two texts of ``data`` beside the prompt, in their order.
    """
    data = object_in(row.values["data"], f"{row.where}: data")
    listed = next((value for value in data.values() if isinstance(value, list | tuple)), None)
    texts = [str(name) for name, value in data.items() if isinstance(value, str)]
    asked = next((name for name in ("prompt", "question", "instruction", "text") if name in texts), None)
    if asked is None:
        raise InputError(f"{row.where}: data has no prompt, question, instruction or text")
    if listed is not None:
        some = [object_in(one, f"{row.where}: the list in data, item {n}") for n, one in enumerate(listed)]
        found = [{"id": one.get("id"), "text": one.get("body") or one.get("title") or ""} for one in some]
    else:
        found = [{"id": name, "text": data[name]} for name in texts if name != asked][:2]
    prompt, candidates = prompt_in(data[asked], row.where), candidates_in(found, row.where)
    names = [candidate["id"] for candidate in candidates]
    item = Item(item_name(row.values.get("id"), prompt, candidates, row.where), prompt, candidates)
    return Imported(row.where, item, list(_label_studio_votes(row.values["annotations"], names, row.where)))


def _said(value: Any) -> Any:
    """A text; PandaLM writes the answers 5 and True as JSON's own."""
    return str(value) if isinstance(value, int | float) else value


def _conversation(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise InputError(f"{where} must be a list of messages, this is {kind_of(value)}")
    return [{"role": str(one.get("role")), "content": str(one.get("content"))} for one in value]


def _argilla_values(responses: Any, where: str) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """(person, ranked values) of each submitted response."""
    if isinstance(responses, Mapping):
        every = [(one, one) for some in responses.values() for one in _objects(some, where)]
    else:
        answers = [(one, object_in(one.get("values") or {}, f"{where}: values")) for one in _objects(responses, where)]
        every = [(one, object_in(said, f"{where}: values")) for one, values in answers for said in values.values()]
    for one, said in every:
        value = said.get("value")
        if not isinstance(value, list) or one.get("status", "submitted") != "submitted":
            continue
        if value and all(isinstance(v, Mapping) and "rank" in v for v in value):
            yield str(one.get("user_id") or "unnamed"), value


def _label_studio_votes(annotations: Any, names: list[str], where: str) -> Iterator[Vote]:
    for annotation in _objects(annotations, f"{where}: annotations"):
        results = () if annotation.get("was_cancelled") else annotation.get("result", ())
        for result in _objects(results, f"{where}: annotations.result"):
            ranks = _label_studio_ranks(result, names, where)
            if ranks is not None:
                took = annotation.get("lead_time")
                by: Any = annotation.get("completed_by")
                person = by.get("email") or by.get("id") if isinstance(by, Mapping) else by
                duration = round(1000 * took) if isinstance(took, int | float) else None
                yield Vote(str(person or "unnamed"), ranks, duration_ms=duration)


def _label_studio_ranks(result: Mapping[str, Any], names: list[str], where: str) -> dict[str, int] | None:
    if result.get("type") == "ranker":
        value = object_in(result.get("value"), f"{where}: value")
        ranked = object_in(value.get("ranker"), f"{where}: ranker")
        order = list_in(next(iter(ranked.values()), ()), f"{where}: ranker")
        ranks = {str(name): place for place, name in enumerate(order, 1)}
        return checked_ranks(ranks, names, f"{where}: ranker")
    if result.get("type") == "pairwise":
        value = object_in(result.get("value"), f"{where}: value")
        first = {"left": 1, "right": 2}.get(str(value.get("selected")), 0)
        return dict(zip(names, {0: (1, 1), 1: (1, 2), 2: (2, 1)}[first], strict=True))
    return None


def _objects(value: Any, where: str) -> list[Mapping[str, Any]]:
    return [object_in(one, f"{where}[{n}]") for n, one in enumerate(list_in(value, where))]
