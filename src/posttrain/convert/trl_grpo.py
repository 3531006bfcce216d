"""How the keys of TRL's GRPO change. Axolotl passes the same keys on to TRL."""

from posttrain.convert.keys import (
    Convert,
    Key,
    Outcome,
    PeerConfig,
    as_count,
    as_flag,
    as_number,
    not_needed,
    not_supported,
    translated,
)
from posttrain.convert.rewards import rewards_of
from posttrain.convert.training import batch_remark, rows_per_step
from posttrain.data.chat.renderer import LENGTH_LIMIT

PROMPT_TOKENS = 1024
"""The fewest tokens that a prompt may have where TRL does not limit prompts."""

RLOO = "set `advantage: rloo`, `average: constant`, `kl: reward` and, if beta is not set, `beta: 0.05` (docs/grpo.md)"
"""What makes GRPO of RLOO."""

_AVERAGES = {
    "grpo": "completion",
    "sapo": "completion",
    "dapo": "token",
    "bnpo": "token",
    "cispo": "token",
    "dr_grpo": "constant",
}


def prompts_per_step(per_device: str, accumulation: str, generations: str) -> Convert:
    """The prompts of an optimiser step: TRL counts completions."""

    def convert(config: PeerConfig) -> Outcome:
        completions, group = rows_per_step(config, per_device, accumulation), max(1, config.count(generations))
        remark = f"{batch_remark(config, per_device, accumulation)}, divided by {group} completions per prompt"
        lost = (
            ""
            if completions % group == 0
            else (f"a step of {completions} completions has no whole number of prompts with {group} completions each")
        )
        return Outcome(max(1, completions // group), remark, lost)

    return convert


def _minibatches_of(config: PeerConfig) -> Outcome:
    per_step = max(1, config.count("gradient_accumulation_steps"))
    generated = config.count("steps_per_generation")
    if size := config.count("generation_batch_size"):
        generated = size // (max(1, config.count("per_device_train_batch_size")) * config.devices)
    return Outcome(max(1, generated // per_step) if generated else None)


def grpo_loss_of(key: str) -> Convert:
    """The form of the policy gradient."""

    def convert(config: PeerConfig) -> Outcome:
        name = str(config.get(key))
        lost = f"there is no loss {name}; `loss: clip` takes its place" if name not in _AVERAGES else ""
        return Outcome(name if name in {"cispo", "sapo"} else "clip", lost=lost)

    return convert


def grpo_average_of(key: str) -> Convert:
    """The average of the loss."""

    def convert(config: PeerConfig) -> Outcome:
        name = str(config.get(key))
        return Outcome(_AVERAGES.get(name), "there, over the tokens of a micro-batch" if name == "bnpo" else "")

    return convert


def _rewards(config: PeerConfig) -> Outcome:
    weights, model = config.get("reward_weights"), config.get("reward_model_name_or_path")
    return rewards_of(config.names("reward_funcs"), weights if isinstance(weights, list) else [], model)


def gdpo_of(key: str) -> Convert:
    """Whether each reward is normalised in its group."""
    return lambda config: Outcome(True if config.get(key) == "normalize_then_sum" else None)


def clip_low_of(loss: str, low: str) -> Convert:
    """The lower clip; the loss cispo has none, and sapo has no clip."""

    def convert(config: PeerConfig) -> Outcome:
        if config.get(loss) == "cispo":
            return Outcome(1.0, "TRL's cispo has no lower bound")
        return for_loss(loss, "clip", as_number(low))(config)

    return convert


def clip_high_of(loss: str, low: str, high: str) -> Convert:
    """The upper clip, which TRL takes from the lower one if it is not set; for cispo, it is the bound itself there."""

    def convert(config: PeerConfig) -> Outcome:
        clip = config.number(high if config.get(high) is not None else low)
        if config.get(loss) == "cispo" and clip <= 1:
            return Outcome(
                lost=f"TRL's cispo cuts every ratio at {clip:g}; here the bound is above 1: set `clip_high`, usually 4"
            )
        if config.get(loss) == "cispo":
            return Outcome(clip - 1, f"a bound of {clip:g}")
        return for_loss(loss, "clip", lambda _: Outcome(clip or None))(config)

    return convert


def for_loss(key: str, name: str, convert: Convert) -> Convert:
    """A key that has an effect with one loss of the recipe alone."""
    return lambda config: convert(config) if grpo_loss_of(key)(config).value == name else Outcome()


def kl_of(beta: str, key: str) -> Convert:
    """TRL's weight of the KL, which a recipe does not have."""

    def convert(config: PeerConfig) -> Outcome:
        weighed = config.number(beta) > 0 and config.flag(key)
        return Outcome(
            lost="TRL multiplies the KL by the importance ratio unless this is false; posttrain does not"
            if weighed
            else ""
        )

    return convert


def length_with_answer(prompt: str, answer: str) -> Convert:
    """The tokens of a prompt with its completion, which TRL counts apart."""

    def convert(config: PeerConfig) -> Outcome:
        longest, more = config.count(prompt), config.count(answer)
        room = longest or max(PROMPT_TOKENS, LENGTH_LIMIT - more)
        unlimited = "" if longest else f"; a longer prompt is left out, and {prompt} is not set"
        return Outcome(room + more, f"{room} of the prompt and {more} of the answer{unlimited}")

    return convert


def scale_of(key: str) -> Convert:
    """The scale of the rewards, unless each of them is normalised."""

    def convert(config: PeerConfig) -> Outcome:
        scale = config.get(key)
        names = ("multi_objective_aggregation", "trl.multi_objective_aggregation")
        own = config.get("rl") == "gdpo" or any(config.get(name) == "normalize_then_sum" for name in names)
        named = {True: "group", False: "none"}[scale] if isinstance(scale, bool) else scale
        return Outcome(None if own else named)

    return convert


def filters_of(key: str) -> Convert:
    """A filter of sampled tokens; 0 and null mean none."""
    return lambda config: Outcome(config.get(key) or None)


def _prompt_truncation_of(config: PeerConfig) -> Outcome:
    return Outcome("left" if config.count("max_prompt_length") else None)


def _rloo(config: PeerConfig) -> Outcome:
    return Outcome(lost=f"a key of `trl rloo`: {RLOO}; rewards are neither clipped nor normalised")


GRPO_KEYS: tuple[Key, ...] = tuple(
    Key(key.theirs, key.status, key.ours, key.meaning, key.convert, frozenset({"grpo"}))
    for key in (
        translated(
            "reward_funcs reward_weights reward_model_name_or_path",
            "rewards",
            _rewards,
            "math, regex, a reward model, or a Python function with TRL's parameters",
        ),
        translated("num_generations", "num_generations", as_count("num_generations"), "the same"),
        translated("max_completion_length", "max_new_tokens", as_count("max_completion_length"), "the same"),
        translated(
            "max_prompt_length max_completion_length",
            "max_length",
            length_with_answer("max_prompt_length", "max_completion_length"),
            "with the answer",
        ),
        translated("max_prompt_length", "truncation", _prompt_truncation_of, "left"),
        translated("temperature", "temperature", as_number("temperature"), "the same"),
        translated("top_p", "top_p", as_number("top_p"), "the same"),
        translated("top_k", "top_k", filters_of("top_k"), "the same"),
        translated("min_p", "min_p", filters_of("min_p"), "the same"),
        translated("loss_type", "loss", grpo_loss_of("loss_type"), "clip, cispo or sapo"),
        translated(
            "loss_type",
            "average",
            grpo_average_of("loss_type"),
            "grpo: completion; dapo, bnpo, cispo: token; dr_grpo: constant",
        ),
        translated("importance_sampling_level", "ratio", None, "the same"),
        translated("epsilon", "clip_low", clip_low_of("loss_type", "epsilon"), "the same; cispo: 1"),
        translated(
            "epsilon_high epsilon",
            "clip_high",
            clip_high_of("loss_type", "epsilon", "epsilon_high"),
            "the same; cispo: one less",
        ),
        translated("delta", "dual_clip", for_loss("loss_type", "clip", as_number("delta")), "the same"),
        translated(
            "sapo_temperature_pos",
            "tau_pos",
            for_loss("loss_type", "sapo", as_number("sapo_temperature_pos")),
            "the same",
        ),
        translated(
            "sapo_temperature_neg",
            "tau_neg",
            for_loss("loss_type", "sapo", as_number("sapo_temperature_neg")),
            "the same",
        ),
        translated("use_bias_correction_kl", "", kl_of("beta", "use_bias_correction_kl"), "false"),
        translated("normalize_advantages reward_clip_range", "", _rloo, "keys of `trl rloo`: docs/grpo.md names RLOO"),
        translated("entropy_coef", "entropy_weight", as_number("entropy_coef"), "the same"),
        translated("scale_rewards", "scale_rewards", scale_of("scale_rewards"), "the same"),
        translated(
            "multi_objective_aggregation",
            "normalize_each_reward",
            gdpo_of("multi_objective_aggregation"),
            "normalize_then_sum: true",
        ),
        translated("mask_truncated_completions", "mask_truncated", as_flag("mask_truncated_completions"), "the same"),
        translated("num_iterations", "inner_epochs", as_count("num_iterations"), "the same"),
        translated(
            "steps_per_generation generation_batch_size gradient_accumulation_steps",
            "minibatches",
            _minibatches_of,
            "optimiser steps for each rollout",
        ),
        translated(
            "per_device_train_batch_size gradient_accumulation_steps num_generations",
            "batch_size",
            prompts_per_step("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations"),
            "prompts of an optimiser step: the completions of a step, divided by `num_generations`",
        ),
        not_needed(
            "use_vllm vllm_mode vllm_model_impl vllm_enable_sleep_mode vllm_server_base_url vllm_server_host "
            "vllm_server_port vllm_server_timeout vllm_group_port vllm_gpu_memory_utilization vllm_max_model_length "
            "vllm_tensor_parallel_size vllm_importance_sampling_correction vllm_importance_sampling_mode "
            "vllm_importance_sampling_clip_max vllm_importance_sampling_clip_min vllm_importance_sampling_cap "
            "ds3_gather_for_generation cache_implementation use_transformers_continuous_batching "
            "transformers_continuous_batching_config use_transformers_paged cast_lm_head_to_fp32",
            "posttrain generates by itself; for a vLLM server, set `vllm` (docs/vllm.md)",
        ),
        not_needed(
            "log_completions num_completions_to_print log_unique_prompts log_multimodal log_completions_hub_repo",
            "every completion is kept with its rewards",
        ),
        not_needed("num_generations_eval", "held-out prompts get `num_generations` completions"),
        not_supported("repetition_penalty generation_kwargs", "sampling has temperature, top_k, top_p and min_p"),
        not_supported("vllm_structured_outputs_regex", "completions are sampled freely; a reward can check the form"),
        not_supported(
            "top_entropy_quantile off_policy_mask_threshold vespo_k_pos vespo_lambda_pos "
            "vespo_k_neg vespo_lambda_neg use_adaptive_entropy entropy_coef_min entropy_coef_max entropy_coef_delta "
            "entropy_target max_tool_calling_iterations",
            "this variant of GRPO is not here",
        ),
    )
)
"""What becomes of the keys of TRL's GRPO."""
