"""The shape of a model, without its weights: configuration, parameters and linear layers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from posttrain.errors import InputError, first_line
from posttrain.policy.hub_names import unreachable
from posttrain.policy.lora.folder import adapted_model
from posttrain.policy.model_folder import check_folder


@dataclass(frozen=True, slots=True)
class WeightShape:
    """The shape of a weight outside linear layers, such as that of a layer's experts; `experts` is 1 for a matrix."""

    name: str
    experts: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The shape of a model.

    Args:
        config: transformers' configuration.
        parameters: the number of parameters; tied ones count once.
        linear: (inputs, outputs) of every linear layer below the head, for adapters.
        others: the weights outside linear layers that can have an adapter.
    """

    config: Any
    parameters: int
    linear: tuple[tuple[int, int], ...]
    others: tuple[WeightShape, ...] = ()

    def targeted(self, names: Iterable[str]) -> list[WeightShape]:
        """The weights outside linear layers whose names are, or end with, one of `names`, as peft matches them."""
        return [w for w in self.others if any(w.name == name or w.name.endswith(f".{name}") for name in names)]


def model_shape(name: str, *, trust_remote_code: bool = False) -> ModelShape:
    """Build the model on torch's meta device, where tensors have shapes and no storage.

    Raises:
        InputError: the model does not exist, or its architecture is unknown.
    """
    config = load_config(name, trust_remote_code=trust_remote_code)
    try:
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise InputError(f"{name}: its configuration gives no causal language model ({first_line(error)})") from error
    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return ModelShape(
        config=config,
        parameters=sum(p.numel() for p in model.parameters()),
        linear=tuple((m.in_features, m.out_features) for m in layers),
        others=tuple(_others(model)),
    )


def _others(model: Any) -> Iterator[WeightShape]:
    for owner, module in model.named_modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.ndim in {2, 3}:
                experts = parameter.shape[0] if parameter.ndim == 3 else 1
                yield WeightShape(f"{owner}.{name}", experts, *parameter.shape[-2:])


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
