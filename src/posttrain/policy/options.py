"""The recipe's options for the model, its device and its precision."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class LoraOptions(Options):
    """Low-rank adapters instead of full fine-tuning."""

    rank: int = Field(default=16, ge=1, le=1024, description="rank of the update")
    alpha: float = Field(default=32.0, gt=0, description="the update is scaled by alpha / rank")
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="layers that get an adapter")
    modules_to_save: tuple[str, ...] = Field(default=(), description="layers trained whole, beside the adapter")


class PlaceOptions(Options):
    """The device and precision of a model."""

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of matrix products; auto measures whether this machine does bfloat16 faster"
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, cuda, cuda:1, mps"
    )
    trust_remote_code: bool = Field(
        default=False, description="run code that comes with the model; only if you trust its author"
    )


class PolicyOptions(PlaceOptions):
    """The device, the precision and the trained part of the model."""

    lora: LoraOptions | None = Field(
        default=None, description="train adapters; all weights if unset. `lora: {}` for defaults"
    )
    quantization: Literal["4bit"] | None = Field(
        default=None, description="hold a frozen base in NF4 (needs lora and CUDA)"
    )
    gradient_checkpointing: bool | Literal["auto"] = Field(
        default="auto",
        description="compute activations twice to save memory: of every row (true), or of rows longer than row_tokens, "
        "as far as they exceed it (auto)",
    )
    save_dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="of the saved weights; float32 is exact"
    )
