"""Rankings from published data sets: PandaLM and MT-bench."""

from collections.abc import Sequence
from typing import Any

from posttrain.annotate.exchange.row_parsing import ImportedItem, Vote, candidates_in, item_name, name_in, prompt_in
from posttrain.annotate.work.projects import Item
from posttrain.data.files.read import Row
from posttrain.data.formats.messages import Turns, conversation
from posttrain.errors import InputError

_PAIR_RANKS = {0: {"1": 1, "2": 1}, 1: {"1": 1, "2": 2}, 2: {"1": 2, "2": 1}}


def read_pandalm(row: Row) -> ImportedItem:
    """Read a PandaLM row: ``instruction, input, response1, response2`` and ``annotator1, annotator2...``.

    An annotator's value is 0 for a tie, 1 for the first and 2 for the second response.

    Y. Wang et al., "PandaLM: An Automatic Evaluation Benchmark for LLM Instruction Tuning Optimization" (2023).
    """
    values = row.values
    prompt = "\n\n".join(str(values[name]) for name in ("instruction", "input") if values.get(name))
    models = str(values.get("cmp_key") or "").split("_")
    pair = models if len(models) == 2 else [None, None]
    texts = [
        {"id": n, "text": _as_text(values[f"response{n}"]), "model": model} for n, model in zip("12", pair, strict=True)
    ]
    question, candidates = prompt_in(prompt, row.where), candidates_in(texts, row.where)
    item = Item(
        item_name(values.get("idx"), question, candidates, row.where),
        question,
        candidates,
        slice=str(values["motivation_app"])[:200] if values.get("motivation_app") else None,
    )
    votes: list[Vote] = []
    for name in sorted(key for key in values if key.startswith("annotator")):
        choice = values[name]
        if isinstance(choice, bool) or not isinstance(choice, int | float) or choice not in _PAIR_RANKS:
            raise InputError(f"{row.where}: {name} must be 0 (tie), 1 or 2, this is {choice!r:.40}")
        votes.append(Vote(name, _PAIR_RANKS[choice]))
    return ImportedItem(row.where, item, votes)


def read_mt_bench(row: Row) -> ImportedItem:
    """Read an MT-bench row: ``question_id, model_a, model_b, winner, judge, turn, conversation_a, conversation_b``.

    The prompt is the part that both conversations share. If the models' first answers differ, a candidate is the whole
    rest: the first answer, the second question and the second answer, which the judge read together.
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
    return ImportedItem(row.where, item, (vote,))


def _as_text(value: Any) -> Any:
    """An answer as a text; PandaLM writes answers such as 5 and True as JSON numbers and booleans."""
    return str(value) if isinstance(value, int | float) else value


def _until_answer(value: Any, turn: int, where: str) -> Turns:
    """A conversation up to its `turn`-th answer."""
    talk = conversation(value, where)
    answers = [place for place, message in enumerate(talk) if message["role"] == "assistant"]
    if len(answers) < turn:
        raise InputError(f"{where} has {len(answers)} answers, and the judgment is of turn {turn}")
    return talk[: answers[turn - 1] + 1]


def _questions(talk: Turns) -> list[Any]:
    return [message for message in talk if message["role"] != "assistant"]


def _shared(first: Turns, second: Turns) -> int:
    """The number of messages with which both conversations begin, without the answers that are compared."""
    most = min(len(first), len(second)) - 1
    return next((place for place in range(most) if first[place] != second[place]), most)


def _candidate(turns: Sequence[Any]) -> dict[str, Any]:
    """A candidate: one answer as text; or several messages, with a text of them for people."""
    if len(turns) == 1:
        return {"text": turns[0]["content"]}
    text = turns[0]["content"] + "".join(f"\n\n[{turn['role']}]\n{turn['content']}" for turn in turns[1:])
    return {"text": text, "turns": [dict(turn) for turn in turns]}
