"""Arguments of a chat template, such as ``enable_thinking``: they become defaults in the template's own text.

The text of the template is what a stage renders with, what its fingerprints hash and what the saved model keeps. With
the arguments inside it, training, rollouts, evaluation and every tool that loads the saved model (transformers, vLLM)
render conversations in the same way. A tool that passes the argument itself overrides the default.
"""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, meta

from posttrain.errors import InputError

Value = bool | int | float | str

_RESERVED = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "continue_final_message"}
    | {"conversations", "chat_template", "return_assistant_tokens_mask"}
)
"""The variables that the rendering itself sets, and the parameters of transformers' function."""
_GLOBALS = frozenset({"raise_exception", "strftime_now", "range", "namespace", "dict", "lipsum", "cycler", "joiner"})
_DEFAULT = re.compile(r"{%- if (\w+) is not defined %}{%- set \1 = (?=\S)")
_DEFAULT_END = " %}{%- endif %}"
_GENERATION = re.compile(r"{%[-+]?\s*(?:end)?generation\s*[-+]?%}")


def with_arguments(source: str, arguments: Mapping[str, Value]) -> str:
    """The template with a default for each argument.

    Raises:
        InputError: the template does not read an argument, or the rendering itself sets it.
    """
    if not arguments:
        return source
    check_arguments(source, arguments, "template_arguments")
    defaults = "".join(
        f"{{%- if {name} is not defined %}}{{%- set {name} = {shown(value)} %}}{{%- endif %}}"
        for name, value in arguments.items()
    )
    # Rendering removes a line break that follows a block; an empty expression keeps the template's own first one.
    return defaults + ("{{ '' }}" if source.startswith(("\n", "\r")) else "") + source


def check_arguments(source: str, arguments: Mapping[str, Any], where: str) -> None:
    """Refuse arguments that would do nothing.

    Args:
        where: the key or column that holds the arguments.

    Raises:
        InputError: the template does not read an argument, or the rendering itself sets it.
    """
    for name in arguments:
        if name in _RESERVED or name.endswith("_token"):
            raise InputError(f"{where}.{name}: the conversation and the tokenizer set it; remove the key")
        known = variables_of(source)
        if name not in known:
            matches = get_close_matches(name, known, n=1)
            hint = f"did you mean {matches[0]}?" if matches else f"it reads {', '.join(sorted(known)) or 'none'}"
            raise InputError(f"{where}.{name}: the chat template never reads it; {hint}")


def defaults_of(source: str) -> dict[str, Value]:
    """The defaults that `with_arguments` wrote at the start of a template."""
    defaults: dict[str, Value] = {}
    place = 0
    while (found := _DEFAULT.match(source, place)) is not None:
        value, end = json.JSONDecoder().raw_decode(source, found.end())
        if not source.startswith(_DEFAULT_END, end):
            break
        defaults.setdefault(found[1], value)  # the first of two defaults holds
        place = end + len(_DEFAULT_END)
    return defaults


@lru_cache(maxsize=64)
def variables_of(source: str) -> frozenset[str]:
    """The variables that a user of the template may set."""
    environment = Environment(extensions=["jinja2.ext.loopcontrols"])
    try:
        names = meta.find_undeclared_variables(environment.parse(_GENERATION.sub("", source)))
    except TemplateSyntaxError as error:
        raise InputError(f"template: line {error.lineno} is no valid Jinja ({error.message})") from error
    return frozenset(name for name in names - _RESERVED - _GLOBALS if not name.endswith("_token"))


def shown(value: Value) -> str:
    """The value as Jinja and YAML write it."""
    return json.dumps(value, ensure_ascii=False)
