"""Readers of the preference conventions: a pair or ranking becomes an `Example` with a ``rank`` for each completion.

Rank 1 is the best; equal ranks are a tie. A pair's completions are (chosen, rejected), ranked (1, 2).
"""

import math
from collections.abc import Mapping
from typing import Any

from posttrain.data.example import Example
from posttrain.data.files.read import Row
from posttrain.data.files.strict_json import kind_of
from posttrain.data.formats.messages import Turns, conversation, text_or_turns, transcript
from posttrain.data.formats.sft_rows import alpaca_prompt, chat_example, question_turns
from posttrain.data.formats.tool_calls import structure
from posttrain.data.skipped import RowSkipped, SkipReason
from posttrain.errors import InputError

_PAIR = (1.0, 2.0)


def read_pair(row: Row) -> Example:
    """``prompt, chosen, rejected``: each a string or messages. The sides may repeat the prompt at their start."""
    return _with_prompt(row, question_turns(row))


def read_alpaca_pair(row: Row) -> Example:
    """``instruction, input, chosen, rejected``, as LLaMA-Factory writes them."""
    return _with_prompt(row, alpaca_prompt(row))


def read_sharegpt_pair(row: Row) -> Example:
    """``conversations`` up to the question, and ``chosen, rejected`` messages."""
    return _with_prompt(row, conversation(row.values["conversations"], f"{row.where}: conversations"))


def read_implicit_pair(row: Row) -> Example:
    r"""``chosen, rejected``, each with the prompt inside: message lists, or ``"\n\nHuman: ..."`` transcripts."""
    chosen, rejected = (_whole(row, side) for side in ("chosen", "rejected"))
    if chosen == rejected:
        raise RowSkipped(SkipReason.SAME_COMPLETIONS)
    if isinstance(structure(row.values["chosen"], row.where), str):
        shared = len(chosen) - 1  # a transcript's only completion is its last turn
    else:
        pairs = zip(chosen, rejected, strict=False)
        shared = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(chosen), len(rejected)))
    prompt, branches = chosen[:shared], (chosen[shared:], rejected[shared:])
    if rejected[:shared] != prompt:
        raise RowSkipped(SkipReason.PROMPTS_DIFFER)
    if not all(_answers(branch) for branch in branches):
        raise RowSkipped(SkipReason.SPLIT_EARLIER if shared else SkipReason.PROMPTS_DIFFER)
    return _pair(row, prompt, *branches)


def read_ranking(row: Row) -> Example:
    """``prompt, candidates`` [{id, text}, ...] and ``ranks`` {id: rank}; equal ranks are a tie."""
    prompt = question_turns(row)
    texts = _candidates(row)
    ranks = _ranks(row, list(texts))
    if len(set(ranks.values())) == 1:
        raise RowSkipped(SkipReason.ALL_TIED)
    if all(turns == next(iter(texts.values())) for turns in texts.values()):
        raise RowSkipped(SkipReason.SAME_COMPLETIONS)
    return chat_example(row, prompt, tuple(texts.values()), rank=tuple(ranks[name] for name in texts))


def _with_prompt(row: Row, prompt: Turns) -> Example:
    (before, chosen), (also_before, rejected) = (_parted(row, prompt, side) for side in ("chosen", "rejected"))
    if before != also_before:
        raise RowSkipped(SkipReason.SYSTEMS_DIFFER)
    return _pair(row, (*before, *prompt), chosen, rejected)


def _pair(row: Row, prompt: Turns, chosen: Turns, rejected: Turns) -> Example:
    if chosen == rejected:
        raise RowSkipped(SkipReason.SAME_COMPLETIONS)
    return chat_example(row, prompt, (chosen, rejected), rank=_PAIR)


def _parted(row: Row, prompt: Turns, side: str) -> tuple[Turns, Turns]:
    """A side's system message, if the prompt has none, and the side's turns after the prompt, which it may repeat."""
    turns = text_or_turns(row.values[side], "assistant", f"{row.where}: {side}")
    _check_end(row, turns, side)
    if turns[0]["role"] == "assistant":
        return (), turns
    system = turns[:1] if turns[0]["role"] == "system" and prompt[0]["role"] != "system" else ()
    after_system = turns[len(system) :]
    question = tuple(turn for turn in prompt if turn["role"] != "system")
    repeated = next((p for p in (prompt, question) if after_system[: len(p)] == p), None)
    if repeated is None or not _answers(after_system[len(repeated) :]):
        raise RowSkipped(SkipReason.OTHER_PROMPT)
    return system, after_system[len(repeated) :]


def _whole(row: Row, side: str) -> Turns:
    value = structure(row.values[side], f"{row.where}: {side}")
    if not isinstance(value, str):
        turns = conversation(value, f"{row.where}: {side}")
        _check_end(row, turns, side)
        return turns
    turns = transcript(value)
    if turns is None:
        raise InputError(
            f"{row.where}: {side} is a plain string, and there is no `prompt` column; name the prompt's column "
            "(columns: {prompt: its_name}), or give message lists or '\\n\\nHuman: ...' transcripts"
        )
    if turns[-1]["role"] != "assistant":
        raise RowSkipped(SkipReason.EMPTY_COMPLETION)
    return turns


def _check_end(row: Row, turns: Turns, side: str) -> None:
    if not turns or turns[-1]["role"] != "assistant":
        raise InputError(f"{row.where}: {side} must end with the assistant's answer; drop the row")


def _answers(turns: Turns) -> bool:
    """Whether turns are an answer: the assistant's, with tool results between them, and none of a user."""
    roles = [turn["role"] for turn in turns]
    return roles[:1] == ["assistant"] and set(roles) <= {"assistant", "tool"}


def _candidates(row: Row) -> dict[str, Turns]:
    """id → the answer's messages, in the row's order. They come from ``turns``, else ``text`` is the one message."""
    items = structure(row.values["candidates"], f"{row.where}: candidates")
    if not isinstance(items, list | tuple):
        raise InputError(f"{row.where}: candidates must be a list, this is {kind_of(items)}")
    texts: dict[str, Turns] = {}
    for index, item in enumerate(items):
        where = f"{row.where}: candidates[{index}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str) or item.get("id") is None:
            raise InputError(f"{where} must be an object {{id, text}} with a string text")
        if str(item["id"]) in texts:
            raise InputError(f"{where}: the id `{item['id']}` comes twice")
        turns = item["text"] if item.get("turns") is None else item["turns"]
        texts[str(item["id"])] = text_or_turns(turns, "assistant", where)
    if len(texts) < 2:
        raise InputError(f"{row.where}: a ranking needs at least 2 candidates, candidates holds {len(texts)}")
    return texts


def _ranks(row: Row, names: list[str]) -> dict[str, float]:
    given: Any = structure(row.values["ranks"], f"{row.where}: ranks")
    if not isinstance(given, Mapping):
        raise InputError(f"{row.where}: ranks must be an object {{id: rank}}, this is {kind_of(given)}")
    ranks: dict[str, float] = {}
    for name, rank in given.items():
        if rank is None:  # Parquet writes null for the ids of other rows
            continue
        if str(name) not in names:
            raise InputError(f"{row.where}: ranks names `{name}`, which is no candidate ({', '.join(names)})")
        if isinstance(rank, bool) or not isinstance(rank, int | float) or not math.isfinite(rank):
            raise InputError(f"{row.where}: ranks.{name} must be a number, this is {kind_of(rank)}")
        ranks[str(name)] = float(rank)
    unranked = [name for name in names if name not in ranks]
    if unranked:
        raise InputError(f"{row.where}: ranks has no rank for {', '.join(unranked)}; rank every candidate or drop it")
    return ranks
