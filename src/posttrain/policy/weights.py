"""Compares the weights in a folder with the model that its configuration describes."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from posttrain.errors import InputError

_FLOATS = {"F64", "F32", "F16", "BF16"}
"""The safetensors types that a float weight may have."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d+)\.")


def check_left_over(model: Any, name: str, left_over: Iterable[str]) -> None:
    """Refuse a folder with more layers in its weights than in its configuration.

    The model would be trained and saved without them. Other unused tensors (a value head, a vision tower) are allowed.

    Args:
        left_over: names of the folder's tensors that the model does not use.

    Raises:
        InputError: unused tensors are layers.
    """
    layers = sorted({int(match[1]) for key in left_over if (match := _LAYER.search(key)) and ".mtp" not in key})
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    if layers and isinstance(count, int) and layers[0] == count:
        raise InputError(
            f"{name}: config.json sets num_hidden_layers: {count}, and the weights hold layer "
            + (f"{layers[0]}" if len(layers) == 1 else f"{layers[0]} to {layers[-1]}")
            + " too, which would be lost. Correct num_hidden_layers, or get the published folder again"
        )


def check_types(model: Any, name: str) -> None:
    """Refuse a local folder that stores a float weight as another type, unless its configuration names a quantization.

    Raises:
        InputError: a weight has another type; a silent cast would give other values.
    """
    if getattr(model.config, "quantization_config", None) is not None:
        return
    own = {key for key, p in model.named_parameters() if p.is_floating_point()}
    for file, key, kind in _stored(Path(name)):
        if kind not in _FLOATS and (key in own or key.partition(".")[2] in own):
            raise InputError(
                f"{name}/{file}: {key} is stored as {kind}, and the model's configuration names no quantization; "
                "get the published folder again, or save the model again in a float type"
            )


def check_finite(model: Any, name: str) -> None:
    """Refuse weights with NaN or infinity.

    Raises:
        InputError: a weight is not finite; the error names the first one.
    """
    for key, parameter in model.named_parameters():
        values = parameter.detach()
        if values.is_floating_point() and not torch.isfinite(values.sum()) and not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{name}: {key} holds values that are not finite (NaN or infinity); the file is damaged, or its "
                "training diverged; use another checkpoint"
            )


def _stored(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(file, tensor, type) of every tensor in a folder's safetensors, without loading them."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 -- not a dict
                yield path.name, key, file.get_slice(key).get_dtype()
