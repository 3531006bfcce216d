"""Notes on rows that are kept: what their reader, their template or truncation changed."""

from enum import StrEnum


class RowNote(StrEnum):
    """What happened to a kept row; the value is the text in ``data.json`` and on screens.

    A key of messages that the template leaves out has a note of its own, `key_dropped`.
    """

    # The reader.
    INPUT_JOINED = "`input` joined to the prompt"
    CONTEXT_JOINED = "`context` joined to the prompt"
    NULL_ARGUMENTS = "null arguments or parameters of tools left out, which Parquet fills in"
    OWN_ARGUMENTS = "template arguments of the row itself (`chat_template_kwargs`)"
    # The template.
    SYSTEM_DROPPED = "system message dropped"
    DEVELOPER_DROPPED = "developer message dropped"
    USER_DROPPED = "user message dropped"
    TOOL_DROPPED = "tool message dropped"
    ASSISTANT_CHANGED = "assistant message changed"
    REASONING_DROPPED = "reasoning dropped"
    CALL_DROPPED = "tool call dropped"
    ARGUMENTS_DROPPED = "tool call's arguments dropped"
    NAME_DROPPED = "name of a speaker dropped"
    TOOLS_DROPPED = "tools dropped"
    ANSWER_REWRITTEN = "rewritten answer"
    ANSWER_WITHOUT_WORDS = "answer without words"
    # The tokenizer.
    BLANKS_LOST = "leading blanks of an answer lost"
    TOKEN_ACROSS_BORDER = "token across the border"
    # Truncation.
    CUT_LEFT = "cut left"
    CUT_RIGHT = "cut right"


class TurnNote(StrEnum):
    """A trait of an answer of a kept row; the value is the text in ``data.json`` and on screens."""

    NOT_LEARNT = "answers that are read and not learnt"
    WEIGHTED = "answers with a weight of their own in the loss"
    TRACE = "answers with a reasoning trace"
    TRACE_LEARNT = "reasoning traces that bear loss"
    TRACE_MASKED = "reasoning traces that are read without loss (`reasoning: mask`)"
    TRACE_DROPPED = "reasoning traces removed from the rows (`reasoning: drop`)"
    EARLIER_TRACE_LEFT_OUT = "earlier reasoning traces that the template leaves out; they are not trained on"
    TRACE_LEFT_OUT = "reasoning traces that the template leaves out"


def key_dropped(key: str) -> str:
    """The note on a key of messages that the template does not write."""
    return f"message key `{key}` dropped"
