"""Rankings as published data sets write them."""

from collections.abc import Sequence
from typing import Any

from posttrain.annotate.exchange.row_parsing import Imported, Vote, candidates_in, item_name, name_in, prompt_in
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row
from posttrain.data.formats.messages import Turns, conversation
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
        if isinstance(said, bool) or not isinstance(said, int | float) or said not in _PAIR_RANKS:
            raise InputError(f"{row.where}: {name} must be 0 (tie), 1 or 2, this is {said!r:.40}")
        votes.append(Vote(name, _PAIR_RANKS[said]))
    return Imported(row.where, item, votes)


def read_mt_bench(row: Row) -> Imported:
    """MT-bench: ``question_id, model_a, model_b, winner, judge, turn, conversation_a, conversation_b``.

    The prompt is what both conversations share. Where the models' first answers differ, a candidate is all that
    follows: the first answer, the second question and the second answer, which the judge read together.
    L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (2023).
    """
    values = row.values
    turn = values.get("turn", 1)
    if isinstance(turn, bool) or not isinstance(turn, int) or turn < 1:
        raise InputError(f"{row.where}: turn must be 1 or more, this is {turn!r:.40}")
    talks = [
        _until_answer(values.get(f"conversation_{side}"), turn, f"{row.where}: conversation_{side}") for side in "ab"
    ]
    if _questions(talks[0]) != _questions(talks[1]):
        raise InputError(f"{row.where}: the two conversations ask different questions")
    winners = {"model_a": _PAIR_RANKS[1], "model_b": _PAIR_RANKS[2]}
    winner = str(values["winner"])
    if winner not in winners and not winner.startswith("tie"):
        raise InputError(f"{row.where}: winner must be model_a, model_b or tie, this is {winner[:40]}")
    models = [name_in(values[f"model_{side}"], f"{row.where}: model_{side}") for side in "ab"]
    shared = _shared(*talks)
    candidates = [
        {"id": n, "model": model, **_candidate(talk[shared:])}
        for n, talk, model in zip("12", talks, models, strict=True)
    ]
    item = Item(
        "/".join(map(str, [values["question_id"], turn, *models])),
        prompt_in(talks[0][:shared], row.where),
        candidates_in(candidates, row.where),
    )
    vote = Vote(str(values.get("judge") or "unnamed"), winners.get(winner, _PAIR_RANKS[0]))
    return Imported(row.where, item, (vote,))


def _said(value: Any) -> Any:
    """A text; PandaLM writes the answers 5 and True as JSON's own."""
    return str(value) if isinstance(value, int | float) else value


def _until_answer(value: Any, turn: int, where: str) -> Turns:
    """A conversation up to its `turn`-th answer."""
    talk = conversation(value, where)
    answers = [place for place, one in enumerate(talk) if one["role"] == "assistant"]
    if len(answers) < turn:
        raise InputError(f"{where} has {len(answers)} answers, and the judgment is of turn {turn}")
    return talk[: answers[turn - 1] + 1]


def _questions(talk: Turns) -> list[Any]:
    return [one for one in talk if one["role"] != "assistant"]


def _shared(first: Turns, second: Turns) -> int:
    """How many messages both conversations start with; the answer that is compared is never among them."""
    most = min(len(first), len(second)) - 1
    return next((place for place in range(most) if first[place] != second[place]), most)


def _candidate(turns: Sequence[Any]) -> dict[str, Any]:
    """An answer, or an answer with what follows it: as messages, and as a text for people."""
    if len(turns) == 1:
        return {"text": turns[0]["content"]}
    text = turns[0]["content"] + "".join(f"\n\n[{one['role']}]\n{one['content']}" for one in turns[1:])
    return {"text": text, "turns": [dict(one) for one in turns]}
