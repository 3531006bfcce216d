"""The chat template: which one, what it does to a conversation, and which characters the assistant writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from posttrain.data.example import Message
from posttrain.data.formats.messages import LEARNT, REASONING
from posttrain.errors import InputError

BUILT_IN = ("plain", "chatml", "raw")
"""Templates this package brings, for models that have none."""

Tools = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template with the special tokens it writes.

    Args:
        source: Jinja.
        special: ``bos_token``, ``eos_token``...
        marked: whether it marks the assistant's words with ``{% generation %}``.
        reasoning: the key under which it reads an answer's reasoning, if it writes reasoning at all.
    """

    source: str
    special: Mapping[str, Any]
    marked: bool
    reasoning: str = REASONING


def template_of(tokenizer: Any, chosen: str | None, base: Path) -> Template | None:
    """The template a recipe chose (a name in `BUILT_IN` or a Jinja file under `base`), or else the tokenizer's own.

    None where there is neither: such a model reads plain text only.

    Raises:
        InputError: no such file, or the model has several templates and none for all purposes.
    """
    if chosen in BUILT_IN:
        source = files("posttrain.data.chat").joinpath(f"templates/{chosen}.jinja").read_text(encoding="utf-8")
    elif chosen is not None:
        if not (base / chosen).is_file():
            raise InputError(f"template: {chosen} is neither a file nor one of {', '.join(BUILT_IN)}")
        source = _text_of(base / chosen)
    elif tokenizer.chat_template is None:
        return None
    else:
        try:
            source = tokenizer.get_chat_template()
        except ValueError as error:
            raise InputError(f"template: {error}; save the one you want as a file and name it") from error
    marked = bool(re.search(r"{%[-+]?\s*generation\b", source))
    names = (REASONING, "reasoning", "thinking")
    reads = (name for name in names if re.search(rf"""(\.|\[['"]){name}\b""", source))
    return Template(source, dict(tokenizer.special_tokens_map), marked, next(reads, REASONING))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"template: {path} is no readable text ({error})") from error


def render(
    template: Template, messages: Sequence[Message], *, where: str, tools: Tools = None, open_answer: bool = False
) -> str:
    """A conversation as the model reads it, special tokens included; `open_answer` leaves the next answer to it.

    Raises:
        InputError: the template refuses the conversation.
    """
    return _render(template, messages, where, tools, open_answer)[0]


def _render(
    template: Template, messages: Sequence[Message], where: str, tools: Tools, open_answer: bool
) -> tuple[str, list[tuple[int, int]]]:
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered: Any = render_jinja_template(
            [[_as_read(message, template) for message in messages]],
            tools=[dict(tool) for tool in tools] if tools else None,
            chat_template=template.source,
            return_assistant_tokens_mask=template.marked,
            add_generation_prompt=open_answer,
            **template.special,
        )
    except Exception as error:  # a template is a program of its own, and may raise anything
        why = str(error).strip() or type(error).__name__
        raise InputError(f"{where}: the model's chat template refuses this conversation ({why})") from error
    texts, spans = rendered
    return texts[0], [(int(start), int(end)) for start, end in spans[0]] if template.marked else []


def _as_read(message: Message, template: Template) -> dict[str, Any]:
    """A message as the template reads it."""
    names = {REASONING: template.reasoning}
    return {names.get(key, key): value for key, value in message.items() if key != LEARNT}


def answer_spans(
    template: Template,
    prompt: Sequence[Message],
    completion: Sequence[Message],
    *,
    where: str,
    tools: Tools = None,
) -> tuple[str, list[tuple[int, int]], int]:
    """The whole conversation as text, and which characters of its completion the assistant writes.

    Marks in the template say so; without them an answer is what follows the rendering of all before it, and
    only if that rendering really is how the whole begins: a template may write an answer differently once
    further turns follow (earlier reasoning is cut, for instance), and what the model would not write it must
    not learn. An answer that its author marked as not to be learnt has no span.

    Returns:
        (text, spans, how many answers the template rewrote and thereby lost).
    """
    whole = [*prompt, *completion]
    text, marked = _render(template, whole, where, tools, open_answer=False)
    opening = render(template, prompt, where=where, tools=tools, open_answer=True)
    turns = [i for i, message in enumerate(whole) if message["role"] == "assistant" and i >= len(prompt)]
    learnt = [i for i in turns if whole[i].get(LEARNT, True)]

    def place(i: int) -> tuple[int, int] | None:
        """Where answer i stands in the text; None if the template writes it otherwise once further turns follow."""
        before = (
            opening if i == len(prompt) else render(template, whole[:i], where=where, tools=tools, open_answer=True)
        )
        after = text if i == len(whole) - 1 else render(template, whole[: i + 1], where=where, tools=tools)
        return (len(before), len(after)) if text.startswith(before) and text.startswith(after) else None

    if template.marked:
        if not text.startswith(opening):
            return text, [], len(learnt)
        spans = [(max(start, len(opening)), end) for start, end in marked if end > len(opening)]
        barred = [place(i) for i in turns if i not in learnt]
        if None in barred:  # which marks are whose cannot be known
            return text, [], len(learnt)
        spans = [span for span in spans if not any(bar and bar[0] <= span[0] and span[1] <= bar[1] for bar in barred)]
        # An answer may bear several marks, its reasoning one and its words another.
        return text, spans, max(0, len(learnt) - len(spans))
    spans = [span for i in learnt if (span := place(i)) is not None]
    return text, spans, len(learnt) - len(spans)


def shortest_question(template: Template) -> list[Message]:
    """What the template takes as a conversation to be answered: a user's message, or one behind a system message.

    Raises:
        InputError: it takes neither.
    """
    user = {"role": "user", "content": "What is it?"}
    try:
        render(template, [user], where="template")
    except InputError as refused:
        with_system: list[Message] = [_SYSTEM, user]
        try:
            render(template, with_system, where="template")
        except InputError:
            raise refused from None
        return with_system
    return [user]


_SYSTEM = {"role": "system", "content": "Never say sorry."}


def traits_of(template: Template) -> list[str]:
    """What a user should know about the template, a sentence each."""
    question = shortest_question(template)
    answer = {"role": "assistant", "content": "A test of it."}
    told: list[str] = []
    if question[0] is _SYSTEM:
        told.append("refuses conversations without a system message")
    else:
        told.extend(_on_system(template, question))
    text, spans, _ = answer_spans(template, question, [answer], where="template")
    if not text.startswith(render(template, question, where="template", open_answer=True)):
        told.append("opens an answer in another way than it writes a given one, so given answers bear no loss")
    elif template.marked and spans:
        end = spans[-1][1]
        if text[:end].endswith(answer["content"]) and text[end:].strip():
            told.append("marks answers without the token that ends them: the model will not learn where to stop")
    return told


def _on_system(template: Template, question: Sequence[Message]) -> list[str]:
    told: list[str] = []
    if "sys" in render(template, question, where="template").lower():
        told.append("adds a system message of its own where the conversation has none")
    try:
        text = render(template, [_SYSTEM, *question], where="template")
    except InputError:
        return [*told, "refuses system messages"]
    return told if _SYSTEM["content"] in text else [*told, "drops system messages"]
