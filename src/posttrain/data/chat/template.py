"""Chat templates: which one a stage uses, and how it renders a conversation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from posttrain.data.chat.template_arguments import Value, check_arguments, with_arguments
from posttrain.data.example import Message
from posttrain.data.formats.messages import LEARNT, MESSAGE_WEIGHT, REASONING
from posttrain.data.formats.row_arguments import ROW_ARGUMENTS
from posttrain.data.options import BUILT_IN
from posttrain.errors import InputError

Tools = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template with its special tokens.

    Args:
        source: its text, in Jinja.
        special: ``bos_token``, ``eos_token``...
        marked: whether it marks the assistant's text with ``{% generation %}``.
        reasoning: the key of messages under which it reads an answer's reasoning.
        arguments: variables that override the defaults in its text.
    """

    source: str
    special: Mapping[str, Any]
    marked: bool
    reasoning: str = REASONING
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])


def template_of(
    tokenizer: Any, chosen: str | None, base: Path, arguments: Mapping[str, Value] | None = None
) -> Template | None:
    """The template that the recipe names (one of `BUILT_IN`, or a Jinja file under `base`), else the tokenizer's own.

    Args:
        arguments: variables of the template; they become defaults in its text (`with_arguments`).

    Returns:
        None where there is neither: such a model reads plain text only.

    Raises:
        InputError: the file does not exist, the model has several templates and none is the default, or the template
            does not read an argument.
    """
    if chosen in BUILT_IN:
        source = files("posttrain.data.chat").joinpath(f"templates/{chosen}.jinja").read_text(encoding="utf-8")
    elif chosen is not None:
        if not (base / chosen).is_file():
            raise InputError(f"template: {chosen} is neither a file nor one of {', '.join(BUILT_IN)}")
        source = _text_of(base / chosen)
    elif tokenizer.chat_template is None:
        if arguments:
            raise InputError("template_arguments: the model has no chat template that could read them; remove the key")
        return None
    else:
        try:
            source = tokenizer.get_chat_template()
        except ValueError as error:
            raise InputError(f"template: {error}; save the one you want as a file and name it") from error
    source = with_arguments(source, arguments or {})
    marked = bool(re.search(r"{%[-+]?\s*generation\b", source))
    names = (REASONING, "reasoning", "thinking")
    reads = (name for name in names if re.search(rf"""(\.|\[['"]){name}\b""", source))
    return Template(source, dict(tokenizer.special_tokens_map), marked, next(reads, REASONING))


def with_row_arguments(template: Template, arguments: Mapping[str, Any], where: str) -> Template:
    """The template for one row, whose own arguments override the recipe's.

    Args:
        where: ``file:line``.

    Raises:
        InputError: the template does not read an argument.
    """
    if not arguments:
        return template
    check_arguments(template.source, arguments, f"{where}: {ROW_ARGUMENTS}")
    return replace(template, arguments={**template.arguments, **arguments})


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"template: {path} cannot be read as text ({error})") from error


def render_conversation(
    template: Template, messages: Sequence[Message], *, where: str, tools: Tools = None, open_answer: bool = False
) -> str:
    """A conversation as the model reads it, with special tokens.

    Args:
        open_answer: whether the text ends where the model's answer begins.

    Raises:
        InputError: the template refuses the conversation.
    """
    return render_marked(template, messages, where, tools, open_answer)[0]


def render_marked(
    template: Template, messages: Sequence[Message], where: str, tools: Tools = None, open_answer: bool = False
) -> tuple[str, list[tuple[int, int]]]:
    """See `render_conversation`; also the ranges of characters that the template marks as the assistant's."""
    try:
        rendered: Any = render_jinja_template(
            [[_as_read(message, template) for message in messages]],
            tools=[dict(tool) for tool in tools] if tools else None,
            chat_template=template.source,
            return_assistant_tokens_mask=template.marked,
            add_generation_prompt=open_answer,
            **template.special,
            **template.arguments,
        )
    except Exception as error:  # a template is a program, and may raise anything
        why = str(error).strip() or type(error).__name__
        raise InputError(f"{where}: the model's chat template refuses this conversation ({why})") from error
    texts, spans = rendered
    return texts[0], [(int(start), int(end)) for start, end in spans[0]] if template.marked else []


def _as_read(message: Message, template: Template) -> dict[str, Any]:
    """The message under the keys that the template reads."""
    names = {REASONING: template.reasoning}
    own = (LEARNT, MESSAGE_WEIGHT)
    return {names.get(key, key): value for key, value in message.items() if key not in own}


def shortest_question(template: Template) -> list[Message]:
    """The shortest conversation that the template accepts: a user's message, if need be after a system message.

    Raises:
        InputError: it accepts neither.
    """
    user = {"role": "user", "content": "What is it?"}
    try:
        render_conversation(template, [user], where="template")
    except InputError as refused:
        with_system: list[Message] = [SYSTEM_MESSAGE, user]
        try:
            render_conversation(template, with_system, where="template")
        except InputError:
            raise refused from None
        return with_system
    return [user]


SYSTEM_MESSAGE = {"role": "system", "content": "Never say sorry."}
"""The system message of the shortest conversation, for templates that need one."""
