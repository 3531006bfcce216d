"""Which characters of a rendered conversation are the assistant's, and are learnt."""

from collections.abc import Sequence

from posttrain.data.chat.template import Template, Tools, render_conversation, render_marked
from posttrain.data.example import Message
from posttrain.data.formats.messages import LEARNT

_Spans = list[tuple[int, int]]


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
    learnt has no span either. In a template with marks, an answer is rewritten if its marked text is not how the model
    would begin it.

    Returns:
        (text, half-open ranges of its characters, number of rewritten answers).
    """
    messages = [*prompt, *completion]
    text, marked = render_marked(template, messages, where, tools)
    opening = render_conversation(template, prompt, where=where, tools=tools, open_answer=True)
    turns = [i for i, message in enumerate(messages) if message["role"] == "assistant" and i >= len(prompt)]
    learnt = [i for i in turns if messages[i].get(LEARNT, True)]
    if template.marked:
        if not text.startswith(opening):
            return text, [], len(learnt)
        marked = [(max(start, len(opening)), end) for start, end in marked if end > len(opening)]
        if len(turns) == 1:
            return text, marked if learnt else [], 0 if marked or not learnt else 1
        spans, lost = _marked_spans(template, messages, turns, text, marked, where, tools)
        return text, spans, lost

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

    spans = [span for i in learnt if (span := place(i)) is not None]
    return text, spans, len(learnt) - len(spans)


def _marked_spans(
    template: Template,
    messages: Sequence[Message],
    turns: Sequence[int],
    text: str,
    marked: _Spans,
    where: str,
    tools: Tools,
) -> tuple[_Spans, int]:
    """The marks of the answers that are learnt and not rewritten, and the number of learnt answers without a mark.

    An answer may have several marks: one around its reasoning, another around its text. A mark belongs to the last
    answer before which the text is the same as when the model wrote the answer. The marks of an answer before which the
    text differs therefore count as the earlier answer's, and both are taken as rewritten.

    Args:
        turns: the indices of the assistant's messages.
    """

    def rewritten(i: int) -> bool:
        """Whether the model would begin answer i in another way."""
        if i == len(messages) - 1:
            return False
        alone, marks = render_marked(template, messages[: i + 1], where, tools)
        written = _joined(alone, [(max(start, starts[i]), end) for start, end in marks if end > starts[i]])
        return not written.startswith(_joined(text, own[i]).rstrip())

    starts = {i: start for i in turns if (start := _start(template, messages[:i], text, where, tools)) is not None}
    bounds = [*starts.values(), len(text)]
    own = {
        i: [(max(start, low), end) for start, end in marked if low < end <= high]
        for i, low, high in zip(starts, bounds, bounds[1:], strict=False)
    }
    learnt = [i for i in turns if messages[i].get(LEARNT, True)]
    kept = [i for i in learnt if own.get(i) and not rewritten(i)]
    return [span for i in kept for span in own[i]], len(learnt) - len(kept)


def _start(template: Template, before: Sequence[Message], text: str, where: str, tools: Tools) -> int | None:
    """Where the answer to some messages begins in a longer conversation; None if they are rendered differently there.

    Some templates open a new answer with a text, such as ``<think>``, that given answers lack.
    """
    for open_answer in (True, False):
        rendered = render_conversation(template, before, where=where, tools=tools, open_answer=open_answer)
        if text.startswith(rendered):
            return len(rendered)
    return None


def _joined(text: str, spans: _Spans) -> str:
    return "".join(text[start:end] for start, end in spans)
