"""The recipe's options for training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posttrain.options import Options

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class TrainOptions(Options):
    """How a stage trains: batches, optimiser, schedule, evaluation and checkpoints."""

    epochs: float = Field(
        default=1.0, gt=0, le=100_000, description="passes over the data; a fraction is rounded up to steps"
    )
    max_steps: int | None = Field(default=None, ge=1, description="largest number of optimiser steps")
    batch_size: int = Field(default=8, ge=1, description="groups (rows, pairs, rankings) per optimiser step")
    batch_tokens: int | None = Field(
        default=None,
        ge=1,
        description="tokens per optimiser step, instead of batch_size; all steps then take about the same time",
    )
    row_tokens: int = Field(
        default=2048,
        ge=1,
        description="tokens of a packed row, computed at once; fewer tokens take less memory and give the same result; "
        "if unset, activations take about 1 GiB (8 GiB on a GPU)",
    )
    optimizer: Literal["adamw", "adamw8bit"] = Field(
        default="adamw",
        description="adamw8bit keeps AdamW's moments in 8 bits: 2 bytes a trained weight in place of 8 (needs "
        "bitsandbytes)",
    )
    learning_rate: float = Field(default=2e-5, gt=0, lt=1, description="peak learning rate")
    schedule: Literal["cosine", "linear", "constant", "wsd"] = Field(
        default="cosine",
        description="learning-rate schedule after the warm-up; wsd (warmup-stable-decay) stays at the peak until the "
        "last `decay` of the steps",
    )
    warmup: float = Field(default=0.05, ge=0, le=1, description="share of the steps that the warm-up takes")
    decay: float = Field(
        default=0.1, gt=0, le=1, description="share of the steps that the final decay takes (only schedule: wsd)"
    )
    min_rate: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the peak that the rate falls to (not with schedule: constant)",
    )
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="weight decay of matrices (not biases and norms)")
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="AdamW's β1 and β2")
    epsilon: float = Field(default=1e-8, gt=0, description="AdamW's ε")
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are clipped to this norm")
    eval_every: int | None = Field(
        default=None, ge=1, description="steps between evaluations; a tenth of the run if unset"
    )
    save_every: int | None = Field(
        default=None, ge=1, description="steps between checkpoints; a tenth of the run if unset"
    )
    keep_checkpoints: int = Field(default=2, ge=1, description="newest checkpoints to keep; with 2, one may be damaged")
    patience: int | None = Field(
        default=None,
        ge=1,
        description="early stopping: stop after this many evaluations without a better loss, and keep the best weights",
    )
    max_loss_jump: float = Field(
        default=10.0, gt=0, description="stop if the loss exceeds the median of the last 32 steps by this many nats"
    )

    @model_validator(mode="after")
    def _schedule_uses_its_options(self) -> Self:
        """Refuse an option of another schedule, which would have no effect."""
        if "decay" in self.changed() and self.schedule != "wsd":
            raise ValueError(f"`schedule: {self.schedule}` does not use `decay`; remove it, or set `schedule: wsd`")
        if "min_rate" in self.changed() and self.schedule == "constant":
            raise ValueError("`schedule: constant` does not use `min_rate`; remove it, or choose another schedule")
        if self.schedule == "wsd" and self.warmup + self.decay > 1:
            raise ValueError(
                f"`warmup` and `decay` together take {self.warmup + self.decay:g} of the steps; lower one of them"
            )
        return self
