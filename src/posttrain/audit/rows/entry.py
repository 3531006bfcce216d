"""The form in which checks see a row: its prompt, its answers, and the texts by which rows are compared."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from posttrain.audit.similarity.word_hashes import small_letters
from posttrain.data.example import Example, Message

Kind = Literal["sft", "preference", "prompt", "unknown", "unpaired"]

_WORD = re.compile(r"\w+")
_WORD_OR_SIGN = re.compile(r"\w+|[+*/=<>%$€£^&|~]")

_COUNTED_BY_ID = ("sft", "prompt")
"""Kinds of rows in which a bare id is only a row number."""

_BARE_IDS = frozenset(
    ["", "id", "_id", "idx", "index", "row", "row_id", "uid", "uuid", "guid", "unnamed: 0", "__index_level_0__"]
)
"""Names of columns, in small letters, that hold only a row number."""

_JUDGES = ("annotator", "annotator_id", "judge", "judge_id", "rater", "rater_id", "worker", "worker_id", "labeler")
"""Columns that name the judge of a row; the first column with a value is used."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One example of a row.

    Args:
        where: ``file:line``.
        kind: the kind of the row.
        prompt: the text of the prompt without system messages.
        outputs: the assistant's text in each completion.
        ranks: the ranks of the completions, 1 for the best; empty if there is only one completion or none.
        row: the source row.
        key: the whole content, see `key_of`; rows with equal keys are duplicates.
        task: the task that the row states, if it states one.
        context: the messages from the first answer to the last one, in a conversation of several turns.
        final: the last answer of such a conversation.
        judge: the person who judged or ranked, if the row names one.
        good: whether the label of an unpaired row is true; None for other rows.
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
    good: bool | None = None

    @property
    def answer(self) -> str:
        """The completion to learn: the best one if there are several."""
        if len(self.outputs) < 2 or not self.ranks:
            return self.outputs[0] if self.outputs else ""
        return self.outputs[min(range(len(self.ranks)), key=self.ranks.__getitem__)]

    @property
    def worst(self) -> str:
        """The worst of several completions; the last one if several are tied."""
        return self.outputs[max(range(len(self.ranks)), key=lambda i: (self.ranks[i], i))] if self.ranks else ""

    @property
    def text(self) -> str:
        """The prompt and all outputs."""
        return "\n".join((self.prompt, *self.outputs))


def entry_of(example: Example, kind: Kind) -> Entry:
    """The entry of an example."""
    outputs = tuple(_contents(c, {"assistant"}) for c in example.completions)
    prompt = _contents(example.prompt, {"user", "tool", "assistant"})
    key, judge = key_of(example.row, kind), judge_of(example.row)
    ranks = example.columns.get("rank", ())
    context, final = _turns(example.completions[0]) if len(example.completions) == 1 else ("", "")
    good = example.columns["label"][0] == 1 if "label" in example.columns else None
    return Entry(
        example.where, kind, prompt, outputs, ranks, example.row, key, example.task, context, final, judge, good
    )


def key_of(row: Mapping[str, Any], kind: str) -> str:
    """The whole content of a row as text.

    In SFT rows and prompts, a bare id is left out, since it is only a row number. In preferences it is kept, since it
    names the judged item. In files with unknown columns it is kept too, since its meaning is unknown.
    """
    counted = {name: v for name, v in row.items() if kind not in _COUNTED_BY_ID or not _is_bare_id(name, v)}
    return json.dumps(counted, ensure_ascii=False, sort_keys=True, default=str)


def judge_of(row: Mapping[str, Any]) -> str:
    """The person or model that judged a row; empty if the row names none."""
    return next((str(row[name]) for name in _JUDGES if isinstance(row.get(name), str | int) and row[name] != ""), "")


def leaves(value: Any) -> Iterator[str]:
    """Every text inside a value, in order."""
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
    """The messages before the last answer, and that answer; empty texts if there is only one message."""
    if len(completion) < 2:
        return "", ""
    last = max(i for i, message in enumerate(completion) if message["role"] == "assistant")
    return _contents(completion[:last], {"assistant", "user", "tool"}), str(completion[last]["content"])


def _contents(messages: Sequence[Message], roles: set[str]) -> str:
    return "\n\n".join(str(m["content"]) for m in messages if m["role"] in roles and m["content"])


def hash64(text: str) -> int:
    """A hash of a text that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def words_in(text: str) -> list[str]:
    """The words of a text in small letters, with Unicode compatibility forms normalised (NFKC)."""
    return _WORD.findall(small_letters(text))


@lru_cache(maxsize=16)  # several checks use the same texts of a row
def normalised(text: str) -> str:
    """The text without letter case, punctuation and extra blanks; the text itself if nothing is left.

    Arithmetic and comparison signs stay, since 2 + 3 is not 2 * 3.
    """
    return " ".join(_WORD_OR_SIGN.findall(small_letters(text))) or " ".join(text.split())
