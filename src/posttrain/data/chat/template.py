"""Chat templates: which one a stage uses, how it renders a conversation, and which characters are the assistant's."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from posttrain.data.chat.template_arguments import Value, with_arguments
from posttrain.data.example import Message
from posttrain.data.formats.messages import LEARNT, MESSAGE_WEIGHT, REASONING
from posttrain.errors import InputError

BUILT_IN = ("plain", "chatml", "raw")
"""Templates of this package, for models that have none."""

Tools = Sequence[Mapping[str, Any]] | None


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template with its special tokens.

    Args:
        source: its text, in Jinja.
        special: ``bos_token``, ``eos_token``...
        marked: whether it marks the assistant's text with ``{% generation %}``.
        reasoning: the key of messages under which it reads an answer's reasoning.
    """

    source: str
    special: Mapping[str, Any]
    marked: bool
    reasoning: str = REASONING


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
    return _render(template, messages, where, tools, open_answer)[0]


def _render(
    template: Template, messages: Sequence[Message], where: str, tools: Tools, open_answer: bool
) -> tuple[str, list[tuple[int, int]]]:
    try:
        rendered: Any = render_jinja_template(
            [[_as_read(message, template) for message in messages]],
            tools=[dict(tool) for tool in tools] if tools else None,
            chat_template=template.source,
            return_assistant_tokens_mask=template.marked,
            add_generation_prompt=open_answer,
            **template.special,
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


def answer_spans(
    template: Template,
    prompt: Sequence[Message],
    completion: Sequence[Message],
    *,
    where: str,
    tools: Tools = None,
) -> tuple[str, list[tuple[int, int]], int]:
    """The whole conversation as text, and the spans of its completion that the model learns to write.

    A template that marks the assistant's text gives the spans. Without marks, the span of an answer follows the
    rendering of all messages before it, but only if the whole text begins with that rendering. Some templates write an
    answer in another way once further turns follow (they cut earlier reasoning, for instance). Such an answer is
    rewritten and has no span, since the model would never write it so. An answer that its author marked as not to be
    learnt has no span either.

    Returns:
        (text, half-open ranges of its characters, number of rewritten answers).
    """
    messages = [*prompt, *completion]
    text, marked = _render(template, messages, where, tools, open_answer=False)
    opening = render_conversation(template, prompt, where=where, tools=tools, open_answer=True)
    turns = [i for i, message in enumerate(messages) if message["role"] == "assistant" and i >= len(prompt)]
    learnt = [i for i in turns if messages[i].get(LEARNT, True)]

    def place(i: int) -> tuple[int, int] | None:
        """The span of answer i in the text; None if the template rewrites it once further turns follow."""
        before = (
            opening
            if i == len(prompt)
            else render_conversation(template, messages[:i], where=where, tools=tools, open_answer=True)
        )
        is_last = i == len(messages) - 1
        after = text if is_last else render_conversation(template, messages[: i + 1], where=where, tools=tools)
        return (len(before), len(after)) if text.startswith(before) and text.startswith(after) else None

    if template.marked:
        if not text.startswith(opening):
            return text, [], len(learnt)
        spans = [(max(start, len(opening)), end) for start, end in marked if end > len(opening)]
        excluded = [place(i) for i in turns if i not in learnt]
        if None in excluded:  # it is unknown which mark belongs to which answer
            return text, [], len(learnt)
        spans = [span for span in spans if not any(x and x[0] <= span[0] and span[1] <= x[1] for x in excluded)]
        # An answer may have several marks: one around its reasoning, another around its text.
        return text, spans, max(0, len(learnt) - len(spans))
    spans = [span for i in learnt if (span := place(i)) is not None]
    return text, spans, len(learnt) - len(spans)


def shortest_question(template: Template) -> list[Message]:
    """The shortest conversation that the template accepts: a user's message, if need be after a system message.

    Raises:
        InputError: it accepts neither.
    """
    user = {"role": "user", "content": "What is it?"}
    try:
        render_conversation(template, [user], where="template")
    except InputError as refused:
        with_system: list[Message] = [_SYSTEM, user]
        try:
            render_conversation(template, with_system, where="template")
        except InputError:
            raise refused from None
        return with_system
    return [user]


_SYSTEM = {"role": "system", "content": "Never say sorry."}


def traits_of(template: Template) -> list[str]:
    """The traits of a template that a user should know. Each completes a sentence that begins "the chat template"."""
    question = shortest_question(template)
    answer = {"role": "assistant", "content": "A test of it."}
    traits: list[str] = []
    if question[0] is _SYSTEM:
        traits.append("refuses conversations without a system message")
    else:
        traits.extend(_on_system(template, question))
    text, spans, _ = answer_spans(template, question, [answer], where="template")
    if not text.startswith(render_conversation(template, question, where="template", open_answer=True)):
        traits.append("opens a new answer in another way than it writes the answers of rows, so these bear no loss")
    elif template.marked and spans:
        end = spans[-1][1]
        if text[:end].endswith(answer["content"]) and text[end:].strip():
            traits.append("marks answers without the token that ends them: the model will not learn where to stop")
    return traits


def _on_system(template: Template, question: Sequence[Message]) -> list[str]:
    traits: list[str] = []
    if "sys" in render_conversation(template, question, where="template").lower():
        traits.append("adds a system message of its own where the conversation has none")
    try:
        text = render_conversation(template, [_SYSTEM, *question], where="template")
    except InputError:
        return [*traits, "refuses system messages"]
    return traits if _SYSTEM["content"] in text else [*traits, "drops system messages"]
