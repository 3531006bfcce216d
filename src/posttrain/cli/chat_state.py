"""A chat in the terminal as a value: who answers, the conversations, and what the commands change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from posttrain.errors import InputError

Message = Mapping[str, Any]

HELP = """\
/model NAME ...   who answers from now on; several names: all of them, each in its own conversation
/models           the models
/system TEXT      a new conversation with a system message; without TEXT, with none
/new              a new conversation
/again            another answer to the last message
/set KEY=VALUE    temperature, top_p, top_k, min_p, max_tokens or seed
/save FILE        write the conversations, a row each, as training data (JSON lines)
/help             this list
/exit             the end, as Ctrl-D; Ctrl-C ends an answer"""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How answers are drawn. `max_tokens` None lets them fill the context; `seed` None takes another seed each time."""

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int | None = None
    seed: int | None = None

    def changed(self, key: str, value: str) -> "ChatSettings":
        """The settings with another value.

        Raises:
            InputError: there is no such setting, or the value does not fit.
        """
        least = {"temperature": 0.0, "top_p": 0.0, "top_k": 0, "min_p": 0.0, "max_tokens": 1, "seed": 0}
        most = {"top_p": 1.0, "min_p": 1.0}
        if key not in least:
            raise InputError(f"/set {key}: the settings are {', '.join(least)}")
        if value == "none" and key in ("max_tokens", "seed"):
            return replace(self, **{key: None})
        kind = type(least[key])
        try:
            number = kind(value)
        except ValueError:
            raise InputError(f"/set {key}={value}: must be a number") from None
        if not least[key] <= number <= most.get(key, float("inf")) or (key == "top_p" and number == 0):
            raise InputError(f"/set {key}={value}: is out of range")
        return replace(self, **{key: number})


@dataclass(frozen=True, slots=True)
class ChatState:
    """A chat.

    Args:
        models: the names of all models.
        answering: those that answer.
        turns: the conversation of each model that has answered.
        system: the system message; None without one.
    """

    models: tuple[str, ...]
    answering: tuple[str, ...]
    turns: Mapping[str, tuple[Message, ...]] = field(default_factory=dict[str, tuple[Message, ...]])
    system: str | None = None
    settings: ChatSettings = ChatSettings()

    def conversation(self, model: str) -> tuple[Message, ...]:
        """What a model reads: the system message, and the conversation so far."""
        first = () if self.system is None else ({"role": "system", "content": self.system},)
        return (*first, *self.turns.get(model, ()))

    def with_message(self, role: str, texts: Mapping[str, str], *, cut: bool = False) -> "ChatState":
        """The chat with a message of each model's conversation.

        Args:
            cut: whether the messages are not whole, so that nothing should learn them.
        """
        mark = {"train": False} if cut else {}
        more = {m: (*self.turns.get(m, ()), {"role": role, "content": text, **mark}) for m, text in texts.items()}
        return replace(self, turns={**self.turns, **more})

    def without_answers(self) -> "ChatState":
        """The chat before the last answers, to have others.

        Raises:
            InputError: there is no answer yet.
        """
        ends = {m: self.turns.get(m, ()) for m in self.answering}
        if not all(turns and turns[-1]["role"] == "assistant" for turns in ends.values()):
            raise InputError("/again: there is no answer yet")
        return replace(self, turns={**self.turns, **{m: turns[:-1] for m, turns in ends.items()}})

    def rows(self) -> list[dict[str, Any]]:
        """Each conversation as a row of training data."""
        return [{"messages": list(self.conversation(m)), "model": m} for m in self.turns if self.turns[m]]


def after_command(state: ChatState, line: str) -> tuple[ChatState, str]:
    """The chat after a command that changes it, and what to say. ``/save``, ``/again`` and ``/exit`` need more.

    Raises:
        InputError: there is no such command, or its words do not fit.
    """
    name, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if name == "/help":
        return state, HELP
    if name == "/models":
        return state, "\n".join(f"{m}{' (answers)' if m in state.answering else ''}" for m in state.models)
    if name == "/new":
        return replace(state, turns={}), "a new conversation"
    if name == "/system":
        system = rest or None
        return replace(state, turns={}, system=system), f"a new conversation, system message: {system or 'none'}"
    if name == "/set":
        key, equals, value = rest.partition("=")
        if not equals:
            return state, json.dumps({k: getattr(state.settings, k) for k in ChatSettings.__slots__})
        return replace(
            state, settings=state.settings.changed(key.strip(), value.strip())
        ), f"{key.strip()} is {value.strip()}"
    if name == "/model":
        return _with_models(state, tuple(rest.split()))
    raise InputError(f"{name}: there is no such command; /help lists them")


def _with_models(state: ChatState, names: tuple[str, ...]) -> tuple[ChatState, str]:
    unknown = [name for name in names if name not in state.models]
    if unknown or not names:
        wrong = f"there is no model {unknown[0]}" if unknown else "a name is missing"
        raise InputError(f"/model: {wrong}; the models are {', '.join(state.models)}")
    names = tuple(dict.fromkeys(names))
    before = state.turns.get(state.answering[0], ())
    turns = {**state.turns, **{name: before for name in names if name not in state.answering}}
    return replace(
        state, answering=names, turns=turns
    ), f"{' and '.join(names)} will answer, and know the conversation so far"
