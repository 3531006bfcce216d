"""A model without its weights: its configuration, and its shape on torch's meta device."""

from dataclasses import dataclass
from typing import Any

from posttrain.errors import InputError
from posttrain.policy.hub_names import unreachable
from posttrain.policy.load import check_folder
from posttrain.policy.lora.folder import adapted_model


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A model without its weights.

    Args:
        config: transformers' configuration.
        parameters: how many, tied ones once.
        linear: (inputs, outputs) of every linear layer below the head, for adapters.
    """

    config: Any
    parameters: int
    linear: tuple[tuple[int, int], ...]


def model_shape(name: str, *, trust_remote_code: bool = False) -> ModelShape:
    """Build the model on torch's meta device, where tensors have shapes and no storage.

    Raises:
        InputError: no such model, or an unknown architecture.
    """
    import torch
    from transformers import AutoModelForCausalLM

    config = load_config(name, trust_remote_code=trust_remote_code)
    try:
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise InputError(f"{name}: its configuration gives no causal language model ({_first(error)})") from error
    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return ModelShape(
        config=config,
        parameters=sum(p.numel() for p in model.parameters()),
        linear=tuple((m.in_features, m.out_features) for m in layers),
    )


def load_config(name: str, *, trust_remote_code: bool = False) -> Any:
    """transformers' configuration of a model, or of an adapter's base.

    Raises:
        InputError: no such model, or a damaged config.json.
    """
    from transformers import AutoConfig

    name = adapted_model(name) or name
    check_folder(name)
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
    except Exception as error:
        reason = unreachable(name, error) or f"the model's configuration cannot be read ({_first(error)})"
        raise InputError(f"{name}: {reason}") from error


def positions_of(config: Any) -> int | None:
    """The longest text the model can read, None if unlimited."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
