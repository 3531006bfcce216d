"""The shape of a model, without its weights: configuration, parameters and linear layers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from posttrain.errors import InputError, first_line
from posttrain.policy.hub_names import unreachable
from posttrain.policy.lora.folder import adapted_model
from posttrain.policy.model_folder import check_folder


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The shape of a model.

    Args:
        config: transformers' configuration.
        parameters: the number of parameters; tied ones count once.
        linear: (inputs, outputs) of every linear layer below the head, for adapters.
        build: builds the model on torch's meta device; None for a shape without a model.
        experts: whether it holds weights of many experts as one tensor, which peft adapts too.
    """

    config: Any
    parameters: int
    linear: tuple[tuple[int, int], ...]
    build: Callable[[], Any] | None = None
    experts: bool = False


def model_shape(name: str, *, trust_remote_code: bool = False) -> ModelShape:
    """Build the model on torch's meta device, where tensors have shapes and no storage.

    Raises:
        InputError: the model does not exist, or its architecture is unknown.
    """
    return shape_of(load_config(name, trust_remote_code=trust_remote_code), name, trust_remote_code=trust_remote_code)


def shape_of(config: Any, name: str = "model", *, trust_remote_code: bool = False) -> ModelShape:
    """The shape of the model that a configuration describes; see `model_shape`."""
    build = partial(_meta_model, name, config, trust_remote_code=trust_remote_code)
    model = build()
    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return ModelShape(
        config=config,
        parameters=sum(p.numel() for p in model.parameters()),
        linear=tuple((m.in_features, m.out_features) for m in layers),
        build=build,
        experts=any(p.ndim == 3 and ".experts." in key for key, p in model.named_parameters()),
    )


def _meta_model(name: str, config: Any, *, trust_remote_code: bool) -> Any:
    """A causal LM on torch's meta device.

    Raises:
        InputError: the architecture is unknown.
    """
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise InputError(f"{name}: its configuration gives no causal language model ({first_line(error)})") from error


def load_config(name: str, *, trust_remote_code: bool = False) -> Any:
    """transformers' configuration of a model; for an adapter, that of its base.

    Raises:
        InputError: the model does not exist, or its config.json is damaged.
    """
    name = adapted_model(name) or name
    check_folder(name)
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        reason = unreachable(name, error) or f"the model's configuration cannot be read ({first_line(error)})"
        raise InputError(f"{name}: {reason}") from error


def positions_of(config: Any) -> int | None:
    """The longest text that the model can read; None if there is no limit."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)
