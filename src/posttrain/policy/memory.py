"""Estimates of the memory of training and generation, from the model's shape alone."""

from typing import TYPE_CHECKING, Any

from posttrain.core.logprobs import chunk_of
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.shape import ModelShape

if TYPE_CHECKING:
    from posttrain.policy.lora.size import AdapterSize


def cache_bytes(shape: ModelShape, *, rows: int, length: int) -> int:
    """Bytes of the keys and values of completions that are generated at once, in float32.

    Args:
        rows: completions generated at once.
        length: tokens of the longest prompt and completion.
    """
    config = shape.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 4 * config.num_hidden_layers * heads * width * rows * length


def fitting_row(config: Any, options: PolicyOptions, device: str, *, narrow: bool) -> int:
    """The tokens of a row whose activations take about a gibibyte (eight on a GPU).

    The number is smaller for wide and deep models. Bounds keep matrix products large enough for the device. The
    results of training do not depend on it.

    Args:
        config: transformers' configuration of the model.
        narrow: whether matrix products are in bfloat16.
    """
    budget, least, most = (8 * 2**30, 1024, 16384) if device.startswith("cuda") else (2**30, 256, 2048)
    fitting = budget // _activation_bytes(config, options, narrow)
    return min(most, max(least, fitting // 64 * 64))


def estimate(
    shape: ModelShape,
    options: PolicyOptions,
    *,
    row_tokens: int,
    scored: bool,
    shards: int = 1,
    narrow: bool = False,
    moments: float = 8.0,
    device: str = "cpu",
) -> dict[str, int]:
    """Bytes by purpose at the peak of a stage, on one rank.

    With shards the peak is a training step, or the moment when every rank holds all weights: it is read so, it writes
    and is evaluated so.

    Args:
        scored: whether the model has a scalar head instead of the LM head.
        shards: the ranks that weights, gradients and moments are divided among.
        narrow: whether matrix products are in bfloat16.
        moments: bytes of the optimiser for each trained value.
        device: "cpu", "mps" or "cuda", perhaps with a number.
    """
    lora = options.lora
    adapters = 0 if lora is None else adapter_parameters(shape, lora)
    trained = shape.parameters if lora is None else adapters
    base_bytes = 4.0 if not _is_frozen(options) else 0.55 if options.quantization else 2.0 if narrow else 4.0
    copies = 2 if lora is not None and (lora.start != "default" or lora.earlier == "continue") else 1
    divided = trained // shards if lora is None else trained  # adapters stay whole
    memory = {
        "weights": int(shape.parameters * base_bytes) // shards + 4 * copies * adapters,
        "gradients": 4 * divided,
        "optimizer": int(moments * divided),
        "activations": row_tokens * _activation_bytes(shape.config, options, narrow) + _weight_copies(shape, options),
        "logits": 0 if scored else 3 * 4 * chunk_of(device.partition(":")[0]),
    }
    return memory if shards == 1 else _with_gathered(memory, shape, 2 if narrow else 4)


def _is_frozen(options: PolicyOptions) -> bool:
    """Whether the base model's weights stay as they are, so that they can be held in bfloat16 or quantized."""
    lora = options.lora
    return lora is not None and lora.start != "pissa" and lora.earlier != "merge"


def _with_gathered(memory: dict[str, int], shape: ModelShape, width: int) -> dict[str, int]:
    """The memory with the weights that a rank gathers, at the larger of the two peaks.

    In a step these are two layers (one is fetched while the other one runs), and the embedding with the head.

    Args:
        width: bytes of a gathered value.
    """
    config = shape.config.get_text_config()
    ends = config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2)
    layer = (shape.parameters - ends) // config.num_hidden_layers
    step = {**memory, "gathered": width * (ends + 2 * layer)}
    all_weights = {**memory, "activations": 0, "logits": 0, "gathered": width * shape.parameters}
    return max(step, all_weights, key=lambda parts: sum(parts.values()))


def adapter_parameters(shape: ModelShape, lora: LoraOptions) -> int:
    """The number of values of an adapter on all linear layers, and on expert weights if there are any."""
    if _adapts_whole_weights(shape, lora):
        return _adapter_size(shape, lora).trained
    magnitudes = sum(o for _, o in shape.linear) if lora.dora else 0
    return lora.rank * sum(i + o for i, o in shape.linear) + magnitudes


def _adapts_whole_weights(shape: ModelShape, lora: LoraOptions) -> bool:
    return shape.build is not None and (shape.experts or bool(lora.target_parameters))


def _adapter_size(shape: ModelShape, lora: LoraOptions) -> "AdapterSize":
    from posttrain.policy.lora.size import adapter_size

    return adapter_size(shape, lora)


def _weight_copies(shape: ModelShape, options: PolicyOptions) -> int:
    """Bytes of whole weights that peft computes in a forward pass.

    For expert weights it adds the update to the weight, and the backward pass keeps the sum of every layer. For DoRA's
    norms it multiplies the adapter's matrices, one layer at a time.
    """
    if options.lora is None:
        return 0
    sums = _adapter_size(shape, options.lora).sums if _adapts_whole_weights(shape, options.lora) else ()
    kept = 0 if not sums else max(sums) + (max(sums) if options.gradient_checkpointing is True else sum(sums))
    norms = max((i * i + 3 * i * o for i, o in shape.linear), default=0) if options.lora.dora else 0
    return 4 * (kept + norms)


def _activation_bytes(config: Any, options: PolicyOptions, narrow: bool) -> int:
    """Bytes that a backward pass needs of one token.

    A pre-norm transformer layer keeps about 11 vectors of the hidden width and 4 of the inner one. The estimate is a
    few per cent off for most architectures. DoRA keeps two further outputs of each linear layer. The vectors are in
    bfloat16 where the base model is.
    """
    config = config.get_text_config()
    width, layers = config.hidden_size, config.num_hidden_layers
    inner = getattr(config, "intermediate_size", None) or 4 * width
    layer = 11 * width + 4 * inner
    if options.lora is not None and options.lora.dora:
        layer += 2 * (5 * width + 2 * inner)
    kept = 2 * width if options.gradient_checkpointing is True else layer
    return (2 if narrow and _is_frozen(options) else 4) * (layers * kept + width)
