"""How much memory training will take, from the model's shape alone."""

from dataclasses import dataclass
from typing import Any

from posttrain.core.logprobs import CHUNK
from posttrain.errors import InputError
from posttrain.policy.load import check_folder
from posttrain.policy.lora import adapted_model
from posttrain.policy.options import PolicyOptions


@dataclass(frozen=True, slots=True)
class Outline:
    """A model without its weights.

    Args:
        config: transformers' configuration.
        parameters: how many, tied ones once.
        linear: (inputs, outputs) of every linear layer below the head, for adapters.
        positions: the longest text it can read, None if unlimited.
    """

    config: Any
    parameters: int
    linear: tuple[tuple[int, int], ...]
    positions: int | None


def outline(name: str, *, trust_remote_code: bool = False) -> Outline:
    """Build the model on torch's meta device, where tensors have shapes and no storage.

    Raises:
        InputError: no such model, or an unknown architecture.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    name = adapted_model(name) or name
    check_folder(name)
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise InputError(f"{name}: the model's configuration cannot be read ({str(error).splitlines()[0]})") from error
    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    return Outline(
        config=config,
        parameters=sum(p.numel() for p in model.parameters()),
        linear=tuple((m.in_features, m.out_features) for m in layers),
        positions=getattr(config.get_text_config(), "max_position_embeddings", None),
    )


def estimate(shape: Outline, options: PolicyOptions, *, row_tokens: int, scored: bool) -> dict[str, int]:
    """Bytes by purpose, and in total, at the peak of a training step.

    Activations count what a backward pass keeps of a pre-norm transformer layer: about 11 vectors of the hidden
    width and 4 of the inner one per token; a few per cent off for most architectures.

    Args:
        scored: a scalar head instead of the vocabulary's.
    """
    config = shape.config.get_text_config()
    width, layers = config.hidden_size, config.num_hidden_layers
    inner = getattr(config, "intermediate_size", None) or 4 * width
    adapters = 0 if options.lora is None else sum(options.lora.rank * (i + o) for i, o in shape.linear)
    trained = shape.parameters if options.lora is None else adapters
    base_bytes = 4.0 if options.lora is None else 0.55 if options.quantization else 4.0
    kept = 2 * width if options.gradient_checkpointing else 11 * width + 4 * inner
    parts = {
        "weights": int(shape.parameters * base_bytes) + 4 * adapters,
        "gradients": 4 * trained,
        "optimizer": 8 * trained,
        "activations": 4 * row_tokens * layers * kept + 4 * row_tokens * width,
        "logits": 0 if scored else 3 * 4 * CHUNK,
    }
    return {**parts, "total": sum(parts.values())}
