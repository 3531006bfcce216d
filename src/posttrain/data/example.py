"""`Example`: one prompt and its completions as messages, before they become tokens.

The readers in `formats/` turn every data convention into this one shape, and `data/chat/encode.py` turns it into a
`Group` of tokens. An SFT row has one completion, a preference pair two, a ranking two or more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
"""``{"role": ..., "content": ...}``, as chat templates read it; tool calls are under ``tool_calls``."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row of training or evaluation data.

    Args:
        where: ``file:line``, for errors and reports.
        prompt: the messages before the first one that is trained on; empty for plain text.
        completions: K alternatives, each a list of messages that follow the prompt. In an SFT conversation the
            one completion runs from the first assistant turn to the end; loss falls on its assistant turns.
        columns: by name (``rank``...), a number for each of the K completions.
        tools: JSON schemas for the chat template, if the row has any.
        task: the task of the row (IFT), if the row or its source names one.
        phrasing: the name of the wording of the task's instruction (IFT), if the row has one.
        raw: whether the row is plain text without roles. No chat template is then applied, and the contents of the
            messages are joined (continued pre-training, or a base model's prompt and completion).
        row: the source row, unchanged; rewards and metrics read it.
        template_arguments: variables of the chat template that the row sets itself; they override the recipe's.
        notes: what its reader changed or left out (`RowNote`).
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
    template_arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()
