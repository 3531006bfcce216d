"""The keys of Axolotl's GRPO, most of which it passes on to TRL."""

from posttrain.convert.keys import (
    Key,
    Outcome,
    PeerConfig,
    as_count,
    as_flag,
    as_number,
    not_needed,
    not_supported,
    same,
    translated,
)
from posttrain.convert.rewards import rewards_of
from posttrain.convert.trl_grpo import (
    clip_high_of,
    clip_low_of,
    filters_of,
    gdpo_of,
    grpo_average_of,
    grpo_loss_of,
    length_with_answer,
    prompts_per_step,
    scale_of,
)

AXOLOTL_BATCH = ("micro_batch_size", "gradient_accumulation_steps")
"""The keys whose product is the batch of a device."""


def _normalized_of(config: PeerConfig) -> Outcome:
    gdpo = config.get("rl") == "gdpo" and config.get("trl.multi_objective_aggregation") is None
    return Outcome(True) if gdpo else gdpo_of("trl.multi_objective_aggregation")(config)


def _rewards(config: PeerConfig) -> Outcome:
    weights = config.get("trl.reward_weights")
    return rewards_of(config.names("trl.reward_funcs"), weights if isinstance(weights, list) else [], None)


AXOLOTL_GRPO: tuple[Key, ...] = tuple(
    Key(key.theirs, key.status, key.ours, key.meaning, key.convert, frozenset({"grpo"}))
    for key in (
        translated("trl.reward_funcs trl.reward_weights rl", "rewards", _rewards, "Python functions, or reward models"),
        translated("trl.num_generations", "num_generations", as_count("trl.num_generations"), "the same"),
        translated("trl.max_completion_length", "max_new_tokens", as_count("trl.max_completion_length"), "the same"),
        translated(
            "max_prompt_len trl.max_completion_length",
            "max_length",
            length_with_answer("max_prompt_len", "trl.max_completion_length"),
            "with the answer",
        ),
        translated("trl.temperature", "temperature", as_number("trl.temperature"), "the same"),
        translated("trl.top_p", "top_p", as_number("trl.top_p"), "the same"),
        translated("trl.top_k", "top_k", filters_of("trl.top_k"), "the same"),
        translated("trl.min_p", "min_p", filters_of("trl.min_p"), "the same"),
        translated("trl.loss_type", "loss", grpo_loss_of("trl.loss_type"), "clip, cispo or sapo"),
        translated("trl.loss_type", "average", grpo_average_of("trl.loss_type"), "token, completion or constant"),
        translated("trl.importance_sampling_level", "ratio", same("trl.importance_sampling_level"), "the same"),
        translated("trl.epsilon", "clip_low", clip_low_of("trl.loss_type", "trl.epsilon"), "the same; cispo: 1"),
        translated(
            "trl.epsilon_high trl.epsilon",
            "clip_high",
            clip_high_of("trl.loss_type", "trl.epsilon", "trl.epsilon_high"),
            "the same; cispo: one less",
        ),
        translated("trl.scale_rewards", "scale_rewards", scale_of("trl.scale_rewards"), "the same"),
        translated(
            "trl.multi_objective_aggregation rl",
            "normalize_each_reward",
            _normalized_of,
            "gdpo, normalize_then_sum: true",
        ),
        translated(
            "trl.mask_truncated_completions", "mask_truncated", as_flag("trl.mask_truncated_completions"), "the same"
        ),
        translated("trl.num_iterations", "inner_epochs", as_count("trl.num_iterations"), "the same"),
        translated(
            f"{' '.join(AXOLOTL_BATCH)} trl.num_generations",
            "batch_size",
            prompts_per_step(*AXOLOTL_BATCH, "trl.num_generations"),
            "prompts of an optimiser step: the completions of a step, divided by `num_generations`",
        ),
        not_needed(
            "trl.use_vllm trl.vllm_mode trl.vllm_server_host trl.vllm_server_port trl.vllm_server_timeout "
            "trl.vllm_device trl.vllm_gpu_memory_utilization trl.vllm_dtype trl.vllm_max_model_len "
            "trl.vllm_enable_prefix_caching trl.log_completions trl.num_completions_to_print vllm",
            "posttrain generates by itself; for a vLLM server, set `vllm` (docs/vllm.md)",
        ),
        not_supported(
            "trl.repetition_penalty trl.vllm_guided_decoding_regex trl.sync_ref_model "
            "trl.ref_model_mixup_alpha trl.ref_model_sync_steps",
            "this variant of GRPO is not here",
        ),
    )
)
