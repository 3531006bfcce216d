"""Gold rows: evaluation rows that must never train. A file beside the recipe keeps the hashes of their prompts.

The hash is of the normalised prompt: small letters, Unicode compatibility forms, single spaces, no punctuation except
signs that computations need (``2 - 1`` is not ``2 + 1``). System messages do not count. Near-duplicates are the work
of the data audit.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posttrain.data.example import Example, Message
from posttrain.data.files.read import Row, read_rows
from posttrain.data.formats.messages import conversation
from posttrain.errors import InputError
from posttrain.files import write_whole

GOLD = "gold.hashes.jsonl"
"""The file of hashes, in the recipe's folder."""

_PUNCTUATION = re.compile(r"(?<!\d)[.,:]|[.,:](?!\d)|[;!?\"'`´‘’“”„«»…¿¡()\[\]{}]")
"""Signs that do not distinguish prompts. A point, comma or colon between digits does."""

_UNCOUNTED = ("system", "developer")


def normalised_prompt(text: str) -> str:
    """The text whose hash is kept; a text of punctuation alone stays as it is."""
    small = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return " ".join(_PUNCTUATION.sub(" ", small).split()) or small


def prompt_hash(messages: Sequence[Message]) -> str:
    """The hash of a conversation up to its last message."""
    *_, last = _hashes(messages, every=True)
    return last


def user_turn_hashes(example: Example) -> Iterator[str]:
    """The hash of each conversation with the model that a row contains: up to each turn of the user."""
    yield from _hashes(example.prompt, every=False)
    for completion in example.completions:
        if any(message["role"] == "user" for message in completion):
            yield from _hashes((*example.prompt, *completion), every=False)


def read_gold(folder: Path) -> Mapping[str, str]:
    """Hash → place of the gold row (``file:line``); empty if the folder has no gold file.

    Raises:
        InputError: a line of the file is no hash.
    """
    path = folder / GOLD
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for row in read_rows(path):
        if not isinstance(row.values.get("prompt_sha256"), str):
            raise InputError(f"{row.where}: no `prompt_sha256`; `posttrain eval gold` writes this file")
        found[row.values["prompt_sha256"]] = str(row.values.get("row", row.where))
    return found


def add_gold(folder: Path, rows: Iterable[Row]) -> tuple[int, int]:
    """Add the rows' prompts to the gold file.

    Returns:
        the numbers of new hashes and of all.

    Raises:
        InputError: a row has no prompt.
    """
    found = dict(read_gold(folder))
    before = len(found)
    for row in rows:
        found.setdefault(prompt_hash(_messages(row)), row.where)
    lines = (json.dumps({"prompt_sha256": name, "row": where}) + "\n" for name, where in found.items())
    write_whole(folder / GOLD, "".join(lines))
    return len(found) - before, len(found)


def _messages(row: Row) -> Sequence[Message]:
    values = row.values
    prompt: Any = values.get("input", values.get("prompt"))
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if messages is None:
        raise InputError(f"{row.where}: a gold row needs `input` (or `prompt`), a question or a list of messages")
    turns = conversation(messages, row.where)
    if all(message["role"] in _UNCOUNTED for message in turns):
        raise InputError(f"{row.where}: the prompt has no message of a user")
    return turns


def _hashes(messages: Sequence[Message], *, every: bool) -> Iterator[str]:
    """The hash of the conversation up to each counted message, or only up to each of the user's."""
    digest = hashlib.sha256()
    for message in messages:
        if message["role"] in _UNCOUNTED:
            continue
        digest.update(normalised_prompt(str(message.get("content") or "")).encode() + b"\0")
        if every or message["role"] == "user":
            yield digest.hexdigest()
