"""A row as the checks see it: its prompt, its answers, and the hashes by which rows are compared."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from posttrain.audit.similarity.word_hashes import small_letters
from posttrain.data.example import Example, Message

Kind = Literal["sft", "preference", "prompt", "unknown"]

_WORD = re.compile(r"\w+")
_WORD_OR_SIGN = re.compile(r"\w+|[+*/=<>%$€£^&|~]")

_COUNTED_BY_ID = ("sft", "prompt")
"""Kinds of rows in which a bare id only counts the rows."""

_BARE_IDS = frozenset(
    ["", "id", "_id", "idx", "index", "row", "row_id", "uid", "uuid", "guid", "unnamed: 0", "__index_level_0__"]
)
"""Columns, in small letters, that count rows and say nothing."""

_JUDGES = ("annotator", "annotator_id", "judge", "judge_id", "rater", "rater_id", "worker", "worker_id", "labeler")
"""Columns that name who judged a row; the first that is filled counts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One example of a row.

    Args:
        where: ``file:line``.
        kind: what it is for.
        prompt: its text without system messages.
        outputs: the assistant's text in each completion.
        ranks: of the completions, 1 the best; empty where there is one or none.
        row: the source row.
        key: the whole content, see `key_of`; rows of equal keys are duplicates.
        task: the task it belongs to, if stated.
        context: the messages between the first answer and the last, in a conversation of several turns.
        final: the last answer of such a conversation.
        judge: who judged or ranked, if the row names one person.
    """

    where: str
    kind: Kind
    prompt: str
    outputs: tuple[str, ...]
    ranks: tuple[float, ...]
    row: Mapping[str, Any]
    key: str
    task: str | None = None
    context: str = ""
    final: str = ""
    judge: str = ""

    @property
    def answer(self) -> str:
        """The completion to be learnt; the best of several."""
        if len(self.outputs) < 2 or not self.ranks:
            return self.outputs[0] if self.outputs else ""
        return self.outputs[min(range(len(self.ranks)), key=self.ranks.__getitem__)]

    @property
    def worst(self) -> str:
        """The completion to be avoided, where there are several; the last of those tied."""
        return self.outputs[max(range(len(self.ranks)), key=lambda i: (self.ranks[i], i))] if self.ranks else ""

    @property
    def text(self) -> str:
        """The prompt and all outputs."""
        return "\n".join((self.prompt, *self.outputs))


def entry_of(example: Example, kind: Kind) -> Entry:
    """The example as the checks see it."""
    outputs = tuple(_contents(c, {"assistant"}) for c in example.completions)
    prompt = _contents(example.prompt, {"user", "tool", "assistant"})
    key, judge = key_of(example.row, kind), judge_of(example.row)
    ranks = example.columns.get("rank", ())
    context, final = _turns(example.completions[0]) if len(example.completions) == 1 else ("", "")
    return Entry(example.where, kind, prompt, outputs, ranks, example.row, key, example.task, context, final, judge)


def key_of(row: Mapping[str, Any], kind: str) -> str:
    """The whole content of a row as text.

    A bare id is left out where it only counts rows: rows to imitate and prompts. In preferences it names what was
    judged, and in a file of unknown columns nobody knows what it names, so that it counts there.
    """
    counted = {name: v for name, v in row.items() if kind not in _COUNTED_BY_ID or not _is_bare_id(name, v)}
    return json.dumps(counted, ensure_ascii=False, sort_keys=True, default=str)


def judge_of(row: Mapping[str, Any]) -> str:
    """The person, or model, whose judgement a row holds; empty if it names none."""
    return next((str(row[name]) for name in _JUDGES if isinstance(row.get(name), str | int) and row[name] != ""), "")


def leaves(value: Any) -> Iterator[str]:
    """Every text inside a value, in its order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)


def _is_bare_id(name: str, value: object) -> bool:
    return name.strip().lower() in _BARE_IDS and not isinstance(value, Mapping | list | tuple)


def _turns(completion: Sequence[Message]) -> tuple[str, str]:
    """What comes before the last answer, and that answer; nothing where there is only one."""
    if len(completion) < 2:
        return "", ""
    last = max(i for i, message in enumerate(completion) if message["role"] == "assistant")
    return _contents(completion[:last], {"assistant", "user", "tool"}), str(completion[last]["content"])


def _contents(messages: Sequence[Message], roles: set[str]) -> str:
    return "\n\n".join(str(m["content"]) for m in messages if m["role"] in roles and m["content"])


def hash64(text: str) -> int:
    """A hash of a text, the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def words_in(text: str) -> list[str]:
    """Its words in small letters; full-width and composed forms made one."""
    return _WORD.findall(small_letters(text))


@lru_cache(maxsize=16)  # checks ask for the same texts of a row again and again
def normalised(text: str) -> str:
    """What is left when letter case, punctuation and blanks do not count; the text itself if that is nothing.

    Signs that calculate or compare stay: 2 + 3 is not 2 * 3.
    """
    return " ".join(_WORD_OR_SIGN.findall(small_letters(text))) or " ".join(text.split())
