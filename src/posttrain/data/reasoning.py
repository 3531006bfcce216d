"""The reasoning trace of an answer: where it ends, and a conversation without traces."""

import re
from collections.abc import Sequence
from dataclasses import replace

from posttrain.data.example import Example, Message
from posttrain.data.formats.messages import REASONING

OPEN, CLOSE = "<think>", "</think>"

_OPENED = re.compile(rf"\s*{OPEN}\s*")
_CLOSED = re.compile(rf"{CLOSE}\s*")
_NAMES = "(?:think|thinking|thought|reasoning)"
_ANY_OPENED = re.compile(rf"\s*<{_NAMES}>", re.IGNORECASE)
_ANY_CLOSED = re.compile(rf"</{_NAMES}>", re.IGNORECASE)
_BLANKS_AND_CLOSE = re.compile(rf"\s*{CLOSE}\s*")


def split_trace(content: str) -> tuple[str, str]:
    """The trace at the start of a text and the text behind it. A trace that is not closed has no text behind it."""
    opened = _OPENED.match(content)
    if opened is None:
        return "", content
    closed = _CLOSED.search(content, opened.end())
    if closed is None:
        return content[opened.end() :].strip(), ""
    return content[opened.end() : closed.start()].strip(), content[closed.end() :]


def behind_trace(text: str) -> str | None:
    """The text behind the last closed trace, which is the answer; None if the text is a trace without end."""
    closed = max((match.end() for match in _ANY_CLOSED.finditer(text)), default=0)
    return None if not closed and _ANY_OPENED.match(text) else text[closed:]


def trace_of(message: Message) -> str:
    """The reasoning trace of an answer, from its own key or from the start of its content; "" if there is none."""
    if message["role"] != "assistant":
        return ""
    return message.get(REASONING, "").strip() or split_trace(message["content"])[0]


def without_traces(example: Example) -> Example:
    """The row with the traces of all its answers removed."""
    return replace(
        example,
        prompt=tuple(_without_trace(message) for message in example.prompt),
        completions=tuple(tuple(_without_trace(message) for message in turns) for turns in example.completions),
    )


def left_out(text: str, messages: Sequence[Message]) -> tuple[int, int]:
    """The number of traces that a rendering of the messages lacks.

    Returns:
        (of answers that a message of a user follows, of the answers behind the last one).
    """
    last = max((index for index, message in enumerate(messages) if message["role"] == "user"), default=-1)
    missing = [0, 0]
    place = len(text)
    for index, message in reversed(list(enumerate(messages))):  # templates leave out the traces of earlier turns
        if not (trace := trace_of(message)):
            continue
        found = text.rfind(trace, 0, place)
        if found >= 0:
            place = found
        else:
            missing[index > last] += 1
    return missing[0], missing[1]


def is_written(block: str) -> bool:
    """Whether a rendered trace holds more than its marks and blanks."""
    return bool(block.replace(OPEN, "").replace(CLOSE, "").strip())


def end_of_trace(text: str, span: tuple[int, int], answers: Sequence[Message]) -> int:
    """The index behind the trace with which an answer begins in a rendering; the answer's start if it has none.

    The marks of a trace and the blanks behind it belong to it. ``<think>`` may also come before the answer, from a
    template that opens answers with it. In a template with other marks, the trace ends where the answer's content
    begins.

    Args:
        span: the range of the answer, or of a part of it that the template marks.
        answers: the messages that the answer may come from.
    """
    start, end = span
    opened = _OPENED.match(text, start, end)
    if opened or text[:start].rstrip().endswith(OPEN):
        closed = _CLOSED.search(text, start, end)
        return closed.end() if closed else end
    for message in answers:
        trace, content = message.get(REASONING, "").strip(), message["content"].strip()
        at = text.find(trace, start, end) if trace else -1
        if at < 0:
            continue
        behind = at + len(trace)
        if content and (follows := text.find(content, behind, end)) >= 0:
            return follows
        if not content or not text[start:at].strip():
            closed = _BLANKS_AND_CLOSE.match(text, behind, end)
            return closed.end() if closed else behind
    return start


def _without_trace(message: Message) -> Message:
    if message["role"] != "assistant":
        return message
    kept = {key: value for key, value in message.items() if key != REASONING}
    return {**kept, "content": split_trace(message["content"])[1]}
