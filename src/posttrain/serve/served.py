"""The models that the server offers: their names, and a request as tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posttrain.core.group import Ints
from posttrain.data.chat.encode import encode_prompt
from posttrain.data.chat.renderer import Renderer, prefill_with
from posttrain.data.formats.messages import conversation
from posttrain.errors import InputError
from posttrain.policy.forward import head_of
from posttrain.policy.load import Policy
from posttrain.policy.rope import depends_on_length
from posttrain.policy.shape import positions_of
from posttrain.serve.json_output import JsonGrammar
from posttrain.serve.problems import RequestProblem

CONTEXT = 4096
"""Tokens of a prompt with its answer, at most, unless the model has fewer positions."""


REMEMBERED = 64
"""Different template arguments of which the opening is kept."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of the server.

    Args:
        name: its name in requests.
        place: its folder or hub id.
        context: tokens of a prompt with its answer, at most.
        created: when its folder was made, in seconds since 1970.
        grammar: for answers that are JSON.
    """

    name: str
    place: str
    policy: Policy
    renderer: Renderer
    context: int
    created: int
    grammar: JsonGrammar

    def chat_tokens(self, messages: Sequence[Any], arguments: Mapping[str, Any]) -> Ints:
        """A conversation as tokens, up to the open answer.

        Args:
            arguments: variables of the chat template.

        Raises:
            RequestProblem: a message is malformed, or the template refuses the conversation or an argument.
        """
        if self.renderer.template is None:
            raise RequestProblem(f"{self.name} has no chat template; use /v1/completions", "messages")
        try:
            turns = conversation(messages, "messages")
            return encode_prompt(turns, self.renderer, where="messages", arguments=arguments)
        except InputError as error:
            raise RequestProblem(str(error), "messages") from error

    def opening(self, arguments: Mapping[str, Any]) -> str:
        """The text with which the template opens an answer.

        Raises:
            RequestProblem: the template refuses the arguments.
        """
        try:
            return prefill_with(self.renderer, arguments)
        except InputError as error:
            raise RequestProblem(str(error), "chat_template_kwargs") from error
        finally:
            if len(self.renderer.row_prefills) > REMEMBERED:
                self.renderer.row_prefills.clear()

    def text_tokens(self, prompt: str | Sequence[int]) -> Ints:
        """A text, or tokens, as tokens.

        Raises:
            RequestProblem: there is no token, or one that the model does not have.
        """
        tokens = self.policy.tokenizer(prompt)["input_ids"] if isinstance(prompt, str) else list(prompt)
        width = self.grammar.vocabulary
        if not tokens:
            raise RequestProblem("prompt: is empty", "prompt")
        if wrong := [token for token in tokens if not 0 <= token < width]:
            raise RequestProblem(f"prompt: {wrong[0]} is no token of this model; it has {width}", "prompt")
        return np.array(tokens, np.int32)


def served_models(
    places: Mapping[str, str], opened: Callable[[str], tuple[Policy, Renderer]], longest: int | None
) -> dict[str, ServedModel]:
    """Load the models.

    Args:
        places: name → folder or hub id.
        opened: loads a model with its renderer.
        longest: the context that the user wants; None for the default.

    Raises:
        InputError: a model cannot be loaded or served.
    """
    models: dict[str, ServedModel] = {}
    for name, place in places.items():
        policy, renderer = opened(place)
        if not policy.branching:
            raise InputError(f"{name}: this architecture cannot be served here; serve its folder with vLLM")
        context = _context(policy, name, longest)
        created = int(Path(place).stat().st_mtime) if Path(place).exists() else 0
        width = int(head_of(policy.base).weight.shape[0])
        models[name] = ServedModel(name, place, policy, renderer, context, created, JsonGrammar(policy, width))
    return models


def _context(policy: Policy, name: str, longest: int | None) -> int:
    config = policy.base.config
    positions = positions_of(config)
    context = min(CONTEXT, positions or CONTEXT) if longest is None else longest
    if positions is not None and context > positions:
        raise InputError(f"--context {context}: {name} has {positions} positions")
    if not depends_on_length(config, context):
        return context
    if longest is not None:
        raise InputError(f"--context {context}: the RoPE scaling of {name} changes at such lengths; choose a lower one")
    return max(length for length in range(1, context) if not depends_on_length(config, length))
