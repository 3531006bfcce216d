"""The folder of an adapter, as peft writes it: its base, its configuration, and whether it can be read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class AdapterFolder:
    """The folder of an adapter.

    Args:
        path: the folder.
        base: the model that it was trained on, a folder or a hub id.
        scores: whether it is a reward model's adapter, which also holds the scalar head.
        config: ``adapter_config.json``.
    """

    path: Path
    base: str
    scores: bool
    config: dict[str, Any]


def adapter_in(name: str) -> AdapterFolder | None:
    """The adapter in folder `name`; None if `name` is no adapter's folder.

    Raises:
        InputError: the configuration is damaged or names no base, or the weights are not in safetensors.
    """
    folder = Path(name)
    path = folder / _CONFIG
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        base = config["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not an adapter's configuration; it must set base_model_name_or_path") from error
    if not isinstance(base, str) or not base:
        raise InputError(f"{path}: base_model_name_or_path is {base!r}; write the folder or hub id of the base there")
    if not (folder / _WEIGHTS).is_file():
        pickled = " but adapter_model.bin, a pickle, which can run code when it is loaded"
        raise InputError(
            f"{name}: no {_WEIGHTS}{pickled if (folder / 'adapter_model.bin').is_file() else ''}; "
            "save the adapter again with a current peft (model.save_pretrained)"
        )
    return AdapterFolder(folder, base, config.get("task_type") == "SEQ_CLS", config)


def adapted_model(name: str) -> str | None:
    """The base model that an adapter's folder names; None if `name` is no adapter's folder."""
    adapter = adapter_in(name)
    return None if adapter is None else adapter.base


def has_tokenizer(name: str) -> bool:
    """Whether a folder holds a tokenizer. peft writes none beside an adapter; the tokenizer is then the base's."""
    return any((Path(name) / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json"))


def stackable(adapter: AdapterFolder) -> str | None:
    """The reason why this adapter and a further one cannot become one adapter; None if they can.

    The sum of two plain LoRA updates is a LoRA update whose rank is the sum of theirs. Other kinds have no such sum.
    """
    return _unlike_plain_lora(adapter.config, (*_OTHER_KINDS, *_TRAINABLE_KINDS))


def continuable(adapter: AdapterFolder) -> str | None:
    """The reason why this adapter cannot be trained further; None if it can."""
    return _unlike_plain_lora(adapter.config, _OTHER_KINDS)


_TRAINABLE_KINDS = ("use_dora", "target_parameters")
"""Keys of kinds of LoRA that can be trained here and have no sum with another adapter."""

_OTHER_KINDS = (
    "lora_bias",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "arrow_config",
    "use_bdlora",
)


def _unlike_plain_lora(config: Mapping[str, Any], kinds: Sequence[str]) -> str | None:
    if (kind := config.get("peft_type")) != "LORA":
        return f"it is of kind {kind}, not LORA"
    for key in kinds:
        if config.get(key):
            return f"it uses {key}"
    if config.get("bias", "none") != "none":
        return "it trains biases"
    return None
