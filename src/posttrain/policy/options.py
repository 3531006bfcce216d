"""The recipe's options for the model, its device and its precision."""

from typing import Literal, Self

from pydantic import Field, model_validator

from posttrain.options import Options


class LoraOptions(Options):
    """Low-rank adapters instead of full fine-tuning."""

    rank: int = Field(default=16, ge=1, le=1024, description="rank of the update")
    alpha: float = Field(default=32.0, gt=0, description="the update is scaled by alpha / rank")
    target_modules: str | tuple[str, ...] = Field(default="all-linear", description="layers that get an adapter")
    modules_to_save: tuple[str, ...] = Field(default=(), description="layers whose weights are trained in full")
    target_parameters: tuple[str, ...] = Field(
        default=(), description="weights outside linear layers that get an adapter, such as mlp.experts.gate_up_proj"
    )
    rslora: bool = Field(default=False, description="scale the update by alpha / sqrt(rank) (rank-stabilised LoRA)")
    dora: bool = Field(default=False, description="also train the norm of each output's weights (DoRA; slower)")
    start: Literal["default", "pissa", "loftq"] = Field(
        default="default",
        description="first values of the adapter: default (no effect); pissa (the weights' principal components); "
        "loftq (the largest errors of quantization; needs quantization: 4bit)",
    )
    plus_ratio: float = Field(
        default=1.0, ge=1, le=1000, description="LoRA+: learning rate of the B matrices as a multiple of the others'"
    )
    earlier: Literal["stack", "continue", "merge"] = Field(
        default="stack",
        description="if the start model is an adapter: stack (train a new one on top, save both as one), continue "
        "(train the same adapter further) or merge (merge it, train a new one, save a complete model)",
    )

    @property
    def leaves_the_base(self) -> bool:
        """Whether the adapter neither changes nor copies a weight of the base."""
        copies = self.dora or self.modules_to_save or self.target_parameters
        return not copies and self.start == "default" and self.earlier == "stack"

    @model_validator(mode="after")
    def _options_fit_together(self) -> Self:
        """Refuse options that exclude each other."""
        if self.dora and self.start != "default":
            raise ValueError(f"`dora` has no `start: {self.start}`; remove one of the two")
        if self.target_parameters and (self.dora or self.start != "default"):
            other = "dora" if self.dora else f"start: {self.start}"
            raise ValueError(f"`target_parameters` works with plain LoRA only; remove it or `{other}`")
        if self.earlier == "continue" and (fixed := sorted(self.changed() - {"earlier", "plus_ratio"})):
            raise ValueError(
                f"`earlier: continue` trains an adapter as it is; remove `{fixed[0]}`, or set `earlier: stack`"
            )
        return self


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
        default=None, description="quantize the frozen base to NF4 (needs lora and bitsandbytes)"
    )
    parallel: Literal["auto", "replicate", "hybrid", "shard"] = Field(
        default="auto",
        description="with several processes: replicate (each holds the whole model), shard (each holds a part of the "
        "weights, gradients and moments), hybrid (in shards on each machine, one model a machine), or auto (the first "
        "of replicate, hybrid and shard that fits)",
    )
    gradient_checkpointing: bool | Literal["auto"] = Field(
        default="auto",
        description="recompute activations to save memory. true: in every row; auto: in rows longer than row_tokens, "
        "in as many layers as needed; false: never",
    )
    save_dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="dtype of the saved weights; float32 is exact"
    )

    @property
    def can_be_in_shards(self) -> bool:
        """Whether the weights can be divided among processes: not if they are quantized, or copied by an adapter."""
        return self.quantization is None and (self.lora is None or self.lora.leaves_the_base)

    @property
    def in_shards(self) -> bool:
        """Whether the weights are divided among processes; ``parallel: auto`` has to be decided before."""
        return self.parallel in ("hybrid", "shard")

    @model_validator(mode="after")
    def _shards_fit(self) -> Self:
        """Refuse shards of weights that cannot be divided."""
        if self.in_shards and not self.can_be_in_shards:
            raise ValueError(
                f"`parallel: {self.parallel}` divides plain weights, alone or below a plain adapter; remove "
                "`quantization`, other keys of `lora` than rank, alpha, rslora and target_modules, adapters of reward "
                "models, `value_model: separate` and `optimizer: adamw8bit`, or set `parallel: replicate`"
            )
        return self

    @model_validator(mode="after")
    def _adapter_fits_the_base(self) -> Self:
        """Refuse adapters that cannot be trained on a base of this precision."""
        if self.lora is None:
            return self
        if self.lora.start == "loftq" and self.quantization is None:
            raise ValueError("`start: loftq` makes up for quantization; set `quantization: 4bit`, or remove it")
        if self.quantization is None:
            return self
        if self.lora.start == "pissa":
            raise ValueError("`start: pissa` changes the base, which `quantization` forbids; set `start: loftq`")
        if self.lora.earlier == "merge":
            raise ValueError("`earlier: merge` changes the base, which `quantization` forbids; remove one of the two")
        if self.lora.target_parameters:
            raise ValueError("`target_parameters` needs weights in full precision; remove it or `quantization`")
        return self
