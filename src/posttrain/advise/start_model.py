"""The model to start from: whether it can answer already, its shape, and its tokens per character."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from posttrain.errors import InputError
from posttrain.policy.hub_names import cached_folder
from posttrain.policy.load import load_tokenizer
from posttrain.policy.shape import ModelShape, model_shape, positions_of

_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)[ -]?([bm])(?![a-z0-9])", re.IGNORECASE)
_INSTRUCT = re.compile(r"instruct|chat|[-_]it\b|[-_](?:sft|dpo|rlhf)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StartModel:
    """The model to start from.

    Args:
        name: the model as the recipe names it.
        base: whether it is a base model, trained on text alone and not to answer.
        shape: the model's own shape, or one assumed from the size in its name; None if neither is known.
        exact: whether the shape is the model's own.
        positions: the longest text that it reads, in tokens; None if unknown.
        chars_per_token: measured on the given texts, or the usual 4.
        plain: whether it is known to have no chat template, so that the recipe must name a template.
    """

    name: str
    base: bool
    shape: "ModelShape | None"
    exact: bool
    positions: int | None
    chars_per_token: float
    plain: bool = False


def describe_model(name: str, texts: tuple[str, ...]) -> StartModel:
    """Describe a model without the network: exactly if it is a folder or in the hub's cache, else from its name.

    Args:
        texts: texts of the data, to measure characters per token.

    Raises:
        InputError: the folder holds no model.
    """
    folder = local_folder(name)
    if folder is None:
        size = size_in_name(name)
        shape = None if size is None else assumed_shape(size)
        return StartModel(name, not _INSTRUCT.search(name), shape, False, None, 4.0)

    shape = model_shape(folder)
    tokenizer: Any = load_tokenizer(folder)
    tokens = sum(len(tokenizer(text)["input_ids"]) for text in texts)
    per_token = sum(map(len, texts)) / tokens if tokens else 4.0
    plain = not tokenizer.chat_template
    base = plain or not (Path(name).is_dir() or _INSTRUCT.search(name))
    return StartModel(name, base, shape, True, positions_of(shape.config), per_token, plain)


def local_folder(name: str) -> str | None:
    """The model's folder on this disk: its own, or one in the hub's cache; None for a hub id that is not cached.

    Raises:
        InputError: the name is neither a folder nor a hub id.
    """
    if Path(name).is_dir() or name.startswith((".", "/", "~")):
        return name
    cached = cached_folder(name, ("config.json", "tokenizer_config.json"))
    if cached is not None:
        return str(cached)
    if "/" not in name:
        raise InputError(f"--model: {name} is neither a folder nor a hub id (org/name)")
    return None


def size_in_name(name: str) -> int | None:
    """The number of parameters that a model's name states (0.5B, 360M); None if it states none."""
    match = _SIZE.search(name)
    return None if match is None else int(float(match[1]) * {"b": 1e9, "m": 1e6}[match[2].lower()])


def assumed_shape(parameters: int) -> "ModelShape":
    """A transformer of usual proportions: its width is 100 times its layers, with 12 width² weights per layer."""
    width = max(64, round((100 * parameters / 12) ** (1 / 3)))
    layers = max(2, round(parameters / (12 * width**2)))
    config = SimpleNamespace(
        hidden_size=width,
        num_hidden_layers=layers,
        intermediate_size=8 * width // 3,
        num_attention_heads=max(1, width // 64),
        num_key_value_heads=max(1, width // 256),
        head_dim=64,
    )
    config.get_text_config = lambda: config
    layer = [(width, width)] * 4 + [(width, 8 * width // 3)] * 2 + [(8 * width // 3, width)]
    return ModelShape(config, parameters, tuple(layer * layers))
