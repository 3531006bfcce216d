"""Notes on the parts of a conversation that its rendering by a chat template lacks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import KNOWN_KEYS, REASONING
from posttrain.data.row_notes import RowNote, key_dropped

_MESSAGE_LOST = {
    "system": RowNote.SYSTEM_DROPPED,
    "developer": RowNote.DEVELOPER_DROPPED,
    "user": RowNote.USER_DROPPED,
    "tool": RowNote.TOOL_DROPPED,
    "assistant": RowNote.ASSISTANT_CHANGED,
}
"""A message's role → the note on a rendering without its content."""


def lost_in_rendering(example: Example, completion: Sequence[Message], text: str) -> set[str]:
    """A note on each part of the prompt and the completion that their rendering `text` lacks."""
    notes: set[str] = set()
    for message in (*example.prompt, *completion):
        role = message["role"]
        if not _holds(text, message.get("content") or ""):
            notes.add(_MESSAGE_LOST[role])
        if not _holds(text, message.get(REASONING, "")):
            notes.add(RowNote.REASONING_DROPPED)
        for call in message.get("tool_calls", ()):
            if call["function"]["name"] not in text:
                notes.add(RowNote.CALL_DROPPED)
            elif not all(_holds(text, value) for value in _texts_of(call["function"]["arguments"])):
                notes.add(RowNote.ARGUMENTS_DROPPED)
        if role != "tool" and not _holds(text, str(message.get("name", ""))):
            notes.add(RowNote.NAME_DROPPED)
        for key in message.keys() - KNOWN_KEYS:
            if not all(_holds(text, value) for value in _texts_of(message[key])):
                notes.add(key_dropped(key))
    if any(tool["function"]["name"] not in text for tool in example.tools or ()):
        notes.add(RowNote.TOOLS_DROPPED)
    return notes


def _holds(text: str, words: str) -> bool:
    """Whether a rendering holds the words, as they are or as JSON writes them."""
    words = words.strip()
    return words in text or json.dumps(words, ensure_ascii=False)[1:-1] in text or json.dumps(words)[1:-1] in text


def _texts_of(value: Any) -> Iterator[str]:
    """Every text and number inside a value, as a text."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_of(inner)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
