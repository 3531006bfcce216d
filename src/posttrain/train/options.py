"""The recipe's options for training."""

from typing import Annotated, Literal

from pydantic import Field

from posttrain.options import Options

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


class TrainOptions(Options):
    """How a stage trains: batches, optimiser, schedule, evaluation and checkpoints."""

    epochs: float = Field(
        default=1.0, gt=0, le=100_000, description="passes over the data; a fraction counts steps, rounded up"
    )
    max_steps: int | None = Field(default=None, ge=1, description="stop after so many optimiser steps")
    batch_size: int = Field(default=8, ge=1, description="groups (rows, pairs, rankings) per optimiser step")
    batch_tokens: int | None = Field(
        default=None, ge=1, description="tokens per optimiser step, instead of batch_size: steps of like cost"
    )
    row_tokens: int = Field(
        default=2048,
        ge=1,
        description="tokens computed at once; fewer take less memory, with the same result. If unset, as many "
        "as take about a gibibyte of activations (eight on a GPU)",
    )
    learning_rate: float = Field(default=2e-5, gt=0, lt=1, description="peak learning rate")
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="after the warm-up, down to 0"
    )
    warmup: float = Field(default=0.05, ge=0, le=1, description="share of the steps of the warm-up")
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="of matrices; biases and norms have none")
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="AdamW's moments")
    epsilon: float = Field(default=1e-8, gt=0, description="AdamW's denominator")
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients are clipped to this norm")
    eval_every: int | None = Field(
        default=None, ge=1, description="steps between evaluations; a tenth of the run if unset"
    )
    save_every: int | None = Field(
        default=None, ge=1, description="steps between checkpoints; a tenth of the run if unset"
    )
    keep_checkpoints: int = Field(default=2, ge=1, description="older ones are deleted; two survive one damaged one")
    patience: int | None = Field(
        default=None,
        ge=1,
        description="stop after so many evaluations without a better loss, and keep the best weights",
    )
    max_loss_jump: float = Field(
        default=10.0, gt=0, description="stop if the loss exceeds the median of the last 32 steps by this many nats"
    )
