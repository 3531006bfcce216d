"""What to export, and in which form."""

from dataclasses import dataclass
from typing import Literal

DType = Literal["float32", "bfloat16", "float16"]

GgufType = Literal["f32", "f16", "bf16", "q8_0"]
"""Types of a GGUF file's weights. The last has 8 bits for a weight, and a scale for 32 of them."""


@dataclass(frozen=True, slots=True)
class Export:
    """What to write.

    Args:
        adapter: keep an adapter as it is, instead of merging it into its base.
        gguf: write the merged weights as one GGUF file of this type, instead of safetensors.
        dtype: of merged weights in safetensors; None for that of the base.
        shard_size: the largest file of weights, such as "5GB".
        base: the name that an adapter's configuration gives its base, for the machine that reads it.
        card: the text of the model card; None for that of the model's folder, if it has one.
        licences_from: models, as folders or hub ids, whose licence files go along.
    """

    adapter: bool = False
    gguf: GgufType | None = None
    dtype: DType | None = None
    shard_size: str = "5GB"
    base: str | None = None
    trust_remote_code: bool = False
    card: str | None = None
    licences_from: tuple[str, ...] = ()
