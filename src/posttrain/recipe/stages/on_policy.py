"""The options that PPO and GRPO share: prompts, sampling, rewards and alarms."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from posttrain.data.formats.conventions import Kind
from posttrain.generation.options import SamplingOptions, ScoringEndpointOptions, VllmOptions
from posttrain.recipe.stages.base import TrainingStage
from posttrain.recipe.stages.rewarded import RewardedStage, Rewards
from posttrain.rollouts.options import AlarmOptions

SAMPLE_ALL = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
"""The values with which sampling draws from all tokens."""


class OnPolicyStage(RewardedStage, TrainingStage, SamplingOptions):
    """A stage that learns from completions that the policy itself generates."""

    rows: ClassVar[Kind] = "prompt"

    gold: Rewards = Field(default={}, description="name → reward that is only measured on held-out prompts")
    batch_size: int = Field(default=8, ge=1, description="prompts per optimiser step")
    minibatches: int = Field(default=1, ge=1, description="optimiser steps per pass over a rollout's prompts")
    inner_epochs: int = Field(default=1, ge=1, description="passes over each rollout")
    num_generations: int = Field(default=8, ge=1, description="completions per prompt")
    temperature: float = Field(default=1.0, gt=0, description="sampling temperature, also of the loss's log-probs")
    learning_rate: float = Field(default=1e-6, gt=0, lt=1, description="peak learning rate")
    alarms: AlarmOptions = Field(
        default=AlarmOptions(), description="thresholds of known failures, and whether an alarm stops the stage"
    )
    vllm: VllmOptions | None = Field(
        default=None, description="generate with a vLLM server, which loads the weights before each rollout"
    )
    show_every: int | None = Field(
        default=None,
        ge=0,
        description="rollouts between two that the terminal shows; if unset, it shows about ten in all; 0: none",
    )

    @property
    def not_inputs(self) -> Mapping[str, Any]:
        """Also the connection to the vLLM server: a run may go on after the server has moved."""
        matters = {"lag", "seeds", "importance", "importance_cap", "importance_floor"}
        return {**super().not_inputs, "vllm": set(VllmOptions.model_fields) - matters}

    @model_validator(mode="before")
    @classmethod
    def _writes_its_own_traces(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "reasoning" in values:
            raise ValueError(
                "`reasoning` is for rows that contain answers; this stage learns from completions that the model "
                "generates, with their traces, and rewards score the text behind the trace; remove the key"
            )
        return values

    @model_validator(mode="after")
    def _counts_in_prompts(self) -> "OnPolicyStage":
        if self.batch_tokens is not None:
            raise ValueError("`batch_tokens` is for data sets only; set `batch_size`, the number of prompts, instead")
        return self

    @model_validator(mode="after")
    def _vllm_can_load_what_is_sent(self) -> "OnPolicyStage":
        if self.vllm is None:
            return self
        if self.vllm.send == "adapter" and self.lora is None:
            raise ValueError("`vllm: {send: adapter}` needs an adapter; set `lora: {}`, or remove `send`")
        if self.quantization is not None and self.vllm.send != "adapter":
            raise ValueError(
                "`vllm` cannot load 4-bit weights; set `vllm: {send: adapter}` and serve the base model in full, or "
                "remove `quantization`"
            )
        return self

    @model_validator(mode="after")
    def _vllm_draws_from_all_tokens(self) -> "OnPolicyStage":
        filters = [name for name in ("top_k", "top_p", "min_p") if getattr(self, name) != SAMPLE_ALL[name]]
        if self.vllm is not None and filters:
            raise ValueError(
                f"`vllm` with {', '.join(f'`{name}`' for name in filters)}: vLLM's log-probs are then those of the "
                "remaining tokens, the trainer's those of all, so every importance weight would be biased; remove "
                f"{'it' if len(filters) == 1 else 'them'}, or remove `vllm`"
            )
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether log-probs of the model before training are needed."""
        return True

    @property
    def reference_name(self) -> str | None:
        """The reference model, as the stage names it; None for the start model."""
        return None

    @property
    def reference_server(self) -> ScoringEndpointOptions | None:
        """The server of the reference model; None if the model is on this machine."""
        return None

    @property
    def value_trunk(self) -> bool:
        """Whether the value function has a trunk of its own."""
        return False

    @property
    def rewards_by_key(self) -> Mapping[str, Rewards]:
        """Key of the stage → the rewards that it holds."""
        return {"rewards": self.rewards, "gold": self.gold}

    @property
    def answer_tokens(self) -> int:
        """The tokens of `max_length` that are reserved for the completion."""
        return self.max_new_tokens
