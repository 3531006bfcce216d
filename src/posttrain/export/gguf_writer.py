"""Writes a model's folder as a GGUF file: Llama's architecture and its relatives, with llama.cpp's own writer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from posttrain.errors import InputError
from posttrain.export.gguf_tokens import add_tokenizer
from posttrain.export.options import GgufType
from posttrain.policy.shape import load_config
from posttrain.policy.tokenizer import load_tokenizer

Array = NDArray[Any]

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
}
"""transformers' name → llama.cpp's. Qwen's families have one each, since their biases and norms differ."""

TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}

BLOCK = 32
"""The weights that share a scale in q8_0. A row of another length stays in float16."""


def write_gguf(folder: Path, file: Path, kind: GgufType, name: str) -> None:
    """Write the GGUF file of a model's folder, which has its weights in float32.

    Args:
        name: of the model, in the file.

    Raises:
        InputError: the architecture or the tokenizer has no form in GGUF here.
    """
    config: Any = load_config(str(folder), trust_remote_code=False)
    check_architecture(config)
    architecture = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(file, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type("model")
    writer.add_name(name)
    _add_shape(writer, config)
    writer.add_file_type(TYPES[kind][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_tokenizer(writer, folder, load_tokenizer(str(folder)), config.vocab_size)
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    for tensor, values in _weights(folder):
        known = names.get_name(tensor, try_suffixes=(".weight", ".bias"))
        if known is None:
            raise InputError(f"--gguf: llama.cpp has no place for the weight {tensor}; export safetensors")
        if architecture is gguf.MODEL_ARCH.LLAMA and ("q_proj" in tensor or "k_proj" in tensor):
            heads = config.num_attention_heads if "q_proj" in tensor else config.num_key_value_heads
            values = _paired(values, heads)
        stored = _stored(values, kind)
        writer.add_tensor(known, gguf.quants.quantize(values, stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_architecture(config: Any) -> None:
    """Refuse a model whose computation the file would not describe.

    Args:
        config: the configuration of transformers.

    Raises:
        InputError: with the part that has no place.
    """
    rope = getattr(config, "rope_parameters", None) or {}
    parts = {
        f"the architecture {config.model_type}": config.model_type not in ARCHITECTURES,
        f"rotary embeddings of type {rope.get('rope_type')}": rope.get("rope_type", "default") != "default",
        "attention in a sliding window": "sliding_attention" in (getattr(config, "layer_types", None) or ())
        or (config.model_type == "mistral" and config.sliding_window is not None),
        "biases": config.model_type in ("llama", "qwen3") and bool(config.attention_bias),
        f"the activation {getattr(config, 'hidden_act', None)}": getattr(config, "hidden_act", None) != "silu",
    }
    if missing := next((part for part, is_there in parts.items() if is_there), None):
        raise InputError(
            f"--gguf: posttrain writes {', '.join(ARCHITECTURES)} models, without {missing}; export safetensors, "
            "without --gguf, and use llama.cpp's own converter"
        )


def _add_shape(writer: gguf.GGUFWriter, config: Any) -> None:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)


def _weights(folder: Path) -> Iterator[tuple[str, Array]]:
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "numpy") as file:
            for name in file.keys():  # noqa: SIM118  safetensors' files are no mappings
                yield name, file.get_tensor(name)


def _paired(values: Array, heads: int) -> Array:
    """The rows of queries or keys as llama.cpp has them for Llama: dimensions that rotate together are neighbours."""
    halves = values.reshape(heads, 2, len(values) // heads // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)


def _stored(values: Array, kind: GgufType) -> gguf.GGMLQuantizationType:
    """The type in the file: norms and biases stay in float32."""
    if values.ndim == 1:
        return gguf.GGMLQuantizationType.F32
    if kind == "q8_0" and values.shape[-1] % BLOCK:
        return gguf.GGMLQuantizationType.F16
    return TYPES[kind][0]
