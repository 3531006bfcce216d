"""The recipe's options for generation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from posttrain.endpoint import EndpointOptions
from posttrain.options import Options

Importance = Literal["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]


class SamplingOptions(Options):
    """How completions are sampled, and how many at once."""

    max_new_tokens: int = Field(default=256, ge=1, description="a completion that has not ended by then is cut")
    temperature: float = Field(default=1.0, gt=0, description="more varied completions above 1, likelier ones below")
    top_k: int = Field(default=0, ge=0, description="sample only from the k most probable tokens; 0 for all")
    top_p: float = Field(default=1.0, gt=0, le=1, description="sample only from the most probable tokens of this mass")
    min_p: float = Field(
        default=0.0, ge=0, lt=1, description="sample only tokens this share as probable as the top one"
    )
    stop: tuple[str, ...] = Field(default=(), description="strings that end a completion")
    rollout_rows: int = Field(default=128, ge=1, description="completions generated at once; fewer take less memory")


class TokenEndpointOptions(EndpointOptions):
    """A server that is sent tokens, not conversations."""

    @model_validator(mode="after")
    def _no_template(self) -> Self:
        if self.template_arguments:
            raise ValueError(
                "`template_arguments`: the server gets tokens and renders no template; set the stage's own "
                "`template_arguments`"
            )
        return self


class VllmOptions(TokenEndpointOptions):
    """A vLLM server that generates with the policy's weights, and the correction for its log-probs."""

    concurrency: int = Field(default=128, ge=1, le=256, description="prompts at the same time")
    timeout: float = Field(
        default=600.0, gt=0, allow_inf_nan=False, description="seconds for all completions of one prompt"
    )
    wait: float = Field(
        default=600.0,
        ge=0,
        allow_inf_nan=False,
        description="seconds to wait for a server that does not answer, at the start and later",
    )
    send: Literal["auto", "adapter", "weights"] = Field(
        default="auto",
        description="what the server loads before it generates: the adapter alone, or all weights; auto: the adapter, "
        "if vLLM can load it and serves its base model",
    )
    lag: Literal[0, 1] = Field(
        default=0,
        description="1: the server generates a rollout while the trainer learns from the one before, with weights that "
        "are one rollout old",
    )
    seeds: bool = Field(default=True, description="send a seed with each prompt; vLLM on a CPU takes none")
    importance: Importance = Field(
        default="token_truncate",
        description="importance weight p_trainer / p_vllm of each token, or of the whole completion (sequence); beyond "
        "the bounds it is set to the bound (truncate), or the loss leaves the token or completion out (mask)",
    )
    importance_cap: float = Field(default=2.0, ge=1, description="upper bound of an importance weight")
    importance_floor: float = Field(default=0.0, ge=0, le=1, description="lower bound of an importance weight")


class ScoringEndpointOptions(TokenEndpointOptions):
    """A server whose model gives the log-probs of tokens that it is sent."""

    scoring: Literal["prompt_logprobs", "echo"] = Field(
        default="prompt_logprobs",
        description="how the completions API returns log-probs of given tokens: `prompt_logprobs`, vLLM's own, with "
        "token ids; or `echo`, which other servers have too",
    )
