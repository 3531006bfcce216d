"""The recipe's options for the model, its device and its precision."""

from typing import Literal

from pydantic import Field

from posttrain.options import Options


class LoraOptions(Options):
    """Low-rank adapters instead of full fine-tuning."""

    rank: int = Field(default=16, ge=1, le=1024, description="rank of the update")
    alpha: float = Field(default=32.0, gt=0, description="the update is scaled by alpha / rank")
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="layers that get an adapter")
    modules_to_save: tuple[str, ...] = Field(default=(), description="layers whose weights are trained in full")


class PlaceOptions(Options):
    """The device and precision of a model."""

    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="dtype of matrix products; auto measures whether bfloat16 is faster on this machine"
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="device: auto, cpu, cuda, cuda:1, mps"
    )
    trust_remote_code: bool = Field(
        default=False, description="run code from the model's folder; use it only if you trust the author"
    )


class PolicyOptions(PlaceOptions):
    """The device, the precision and the trained part of the model."""

    lora: LoraOptions | None = Field(
        default=None, description="train LoRA adapters (`lora: {}` for the defaults); if unset, all weights are trained"
    )
    quantization: Literal["4bit"] | None = Field(
        default=None, description="quantize the frozen base to NF4 (needs lora and CUDA)"
    )
    gradient_checkpointing: bool | Literal["auto"] = Field(
        default="auto",
        description="recompute activations to save memory. true: in every row; auto: in rows longer than row_tokens, "
        "in as many layers as needed; false: never",
    )
    save_dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="dtype of the saved weights; float32 is exact"
    )
