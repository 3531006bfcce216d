"""The traits of a chat template that a user should know."""

from collections.abc import Sequence

from posttrain.data.chat.answer_spans import answer_spans
from posttrain.data.chat.template import SYSTEM_MESSAGE, Template, render_conversation, shortest_question
from posttrain.data.example import Message
from posttrain.errors import InputError


def traits_of(template: Template) -> list[str]:
    """The traits of a template that a user should know. Each completes a sentence that begins "the chat template"."""
    question = shortest_question(template)
    answer = {"role": "assistant", "content": "A test of it."}
    traits: list[str] = []
    if question[0] is SYSTEM_MESSAGE:
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
        text = render_conversation(template, [SYSTEM_MESSAGE, *question], where="template")
    except InputError:
        return [*traits, "refuses system messages"]
    return traits if SYSTEM_MESSAGE["content"] in text else [*traits, "drops system messages"]
