"""The chat template: which one, what it does to a conversation, and which characters the assistant writes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from posttrain.data.example import Message
from posttrain.errors import InputError

BUILT_IN = ("plain", "chatml")
"""Templates this package brings, for models that have none."""

Tools = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template with the special tokens it writes.

    Args:
        source: Jinja.
        special: ``bos_token``, ``eos_token``...
        marked: whether it marks the assistant's words with ``{% generation %}``.
    """

    source: str
    special: Mapping[str, Any]
    marked: bool


def template_of(tokenizer: Any, chosen: str | None, base: Path) -> Template | None:
    """The template a recipe chose (a name in `BUILT_IN` or a Jinja file under `base`), or else the tokenizer's own.

    None where there is neither: such a model reads plain text only.

    Raises:
        InputError: no such file.
    """
    if chosen in BUILT_IN:
        source = files("posttrain.data").joinpath(f"templates/{chosen}.jinja").read_text(encoding="utf-8")
    elif chosen is not None:
        if not (base / chosen).is_file():
            raise InputError(f"template: {chosen} is neither a file nor one of {', '.join(BUILT_IN)}")
        source = (base / chosen).read_text(encoding="utf-8")
    elif tokenizer.chat_template is None:
        return None
    else:
        source = tokenizer.get_chat_template()
    return Template(source, dict(tokenizer.special_tokens_map), bool(re.search(r"{%-?\s*generation", source)))


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
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered: Any = render_jinja_template(
            [[dict(message) for message in messages]],
            tools=[dict(tool) for tool in tools] if tools else None,
            chat_template=template.source,
            return_assistant_tokens_mask=template.marked,
            add_generation_prompt=open_answer,
            **template.special,
        )
    except (TemplateError, TypeError, ValueError) as error:
        why = str(error).strip() or type(error).__name__
        raise InputError(f"{where}: the model's chat template refuses this conversation ({why})") from error
    texts, spans = rendered
    return texts[0], [(int(start), int(end)) for start, end in spans[0]] if template.marked else []


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
    not learn.

    Returns:
        (text, spans, how many answers the template rewrote and thereby lost).
    """
    whole = [*prompt, *completion]
    text, marked = _render(template, whole, where, tools, open_answer=False)
    opening = render(template, prompt, where=where, tools=tools, open_answer=True)
    turns = [i for i, message in enumerate(whole) if message["role"] == "assistant" and i >= len(prompt)]
    if template.marked:
        spans = [(max(start, len(opening)), end) for start, end in marked if end > len(opening)]
        return (text, spans, len(turns) - len(spans)) if text.startswith(opening) else (text, [], len(turns))
    spans: list[tuple[int, int]] = []
    for i in turns:
        before = (
            opening if i == len(prompt) else render(template, whole[:i], where=where, tools=tools, open_answer=True)
        )
        after = text if i == len(whole) - 1 else render(template, whole[: i + 1], where=where, tools=tools)
        if text.startswith(before) and text.startswith(after):
            spans.append((len(before), len(after)))
    return text, spans, len(turns) - len(spans)


def traits_of(template: Template) -> list[str]:
    """What a user should know about the template, a sentence each."""
    system, ask, answer = "Never say sorry.", "What is it?", "A test of it."
    user = {"role": "user", "content": ask}
    told: list[str] = []
    try:
        with_system = render(template, [{"role": "system", "content": system}, user], where="template")
    except InputError:
        told.append("refuses system messages")
    else:
        if system not in with_system:
            told.append("drops system messages")
    alone = render(template, [user], where="template")
    if "system" in alone and "system" not in ask:
        told.append("adds a system message of its own where the conversation has none")
    whole = [user, {"role": "assistant", "content": answer}]
    if not render(template, whole, where="template").startswith(
        render(template, [user], where="template", open_answer=True)
    ):
        told.append("writes something between the open answer and the given one, which bears no loss")
    return told
