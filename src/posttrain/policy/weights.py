"""Weights as a folder holds them, held against the model that its configuration describes."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from posttrain.errors import InputError

_FLOATS = {"F64", "F32", "F16", "BF16"}
"""safetensors' names of the types that a float weight may be stored in."""

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks|block)\.(\d+)\.")


def check_left_over(model: Any, name: str, left_over: Iterable[str]) -> None:
    """Refuse a folder whose weights hold more layers than its configuration has.

    The model would be trained and saved without them. Other tensors that the model has no place for (a value head, a
    vision tower) are no part of it.

    Args:
        left_over: names of the tensors in the folder that the model has no place for.

    Raises:
        InputError: they are layers.
    """
    layers = sorted({int(found[1]) for key in left_over if (found := _LAYER.search(key)) and ".mtp" not in key})
    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    if layers and isinstance(count, int) and layers[0] == count:
        raise InputError(
            f"{name}: config.json says num_hidden_layers: {count}, and the weights hold layer "
            + (f"{layers[0]}" if len(layers) == 1 else f"{layers[0]} to {layers[-1]}")
            + " too; they would be lost. Set num_hidden_layers to what the weights hold, or take the published folder"
        )


def check_types(model: Any, name: str) -> None:
    """Refuse a local folder that stores a float weight as another type, unless its configuration says quantized.

    Raises:
        InputError: it does; a cast would give other values without a word.
    """
    if getattr(model.config, "quantization_config", None) is not None:
        return
    own = {key for key, p in model.named_parameters() if p.is_floating_point()}
    for file, key, kind in _stored(Path(name)):
        if kind not in _FLOATS and (key in own or key.partition(".")[2] in own):
            raise InputError(
                f"{name}/{file}: {key} is stored as {kind}, and the model's configuration names no quantization; "
                "take the published folder, or save the model again in a float type"
            )


def check_finite(model: Any, name: str) -> None:
    """Refuse weights that hold NaN or infinity: nothing can be learnt from them.

    Raises:
        InputError: it names the first one.
    """
    for key, parameter in model.named_parameters():
        values = parameter.detach()
        if values.is_floating_point() and not torch.isfinite(values.sum()) and not bool(torch.isfinite(values).all()):
            raise InputError(
                f"{name}: {key} holds values that are not finite (NaN or infinity); the file is damaged, or the "
                "training that made it diverged"
            )


def _stored(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(file, tensor, type) of every tensor in a folder's safetensors; nothing is loaded."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 -- not a dict
                yield path.name, key, file.get_slice(key).get_dtype()
