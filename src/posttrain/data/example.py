"""`Example`: one prompt and its completions as messages, before they become tokens.

Every data convention is read into this one shape (`formats.py`), and one function turns it into a
`Group` of tokens (`chat.py`). An SFT row has one completion, a preference pair two, a ranking two or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
"""``{"role": ..., "content": ...}``, as chat templates take it; tool calls sit under ``tool_calls``."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row of training or evaluation data.

    Args:
        where: ``file:line``, for errors and reports.
        prompt: the messages before the first one that is trained on. Empty for raw text.
        completions: K alternatives, each a list of messages that follow the prompt. In an SFT conversation the
            one completion runs from the first assistant turn to the end; loss falls on its assistant turns.
        columns: a number for each completion (``rank``...), each of length K.
        tools: JSON schemas for the chat template, if the row has any.
        task: the task the row belongs to (IFT), if stated.
        phrasing: which wording of the task's instruction the row uses (IFT), if stated.
        raw: the row is plain text without roles: no chat template is applied, and each message's content is
            taken as it stands (continued pre-training, or a base model's prompt and completion).
        row: the source row, unchanged; rewards and metrics read it.
        notes: what its reader left out, a phrase each.
    """

    where: str
    prompt: tuple[Message, ...]
    completions: tuple[tuple[Message, ...], ...]
    columns: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] | None = None
    task: str | None = None
    phrasing: str | None = None
    raw: bool = False
    row: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
