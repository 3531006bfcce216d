"""How the keys of TRL's DPO and GRPO losses change. Axolotl passes the same keys on to TRL."""

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
from posttrain.errors import InputError

_PAIR_LOSSES = {"sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down"}
_AVERAGES = {
    "grpo": "completion",
    "sapo": "completion",
    "dapo": "token",
    "bnpo": "token",
    "cispo": "token",
    "dr_grpo": "constant",
}


def _weights_of(config: PeerConfig) -> dict[str, float]:
    """Loss → its weight, as TRL adds them."""
    names = config.names("loss_type") or ["sigmoid"]
    weights = config.get("loss_weights")
    numbers = weights if isinstance(weights, list) and len(weights) == len(names) else [1.0] * len(names)
    try:
        return dict(zip(names, map(float, numbers), strict=True))
    except (TypeError, ValueError) as error:
        raise InputError(f"{config.where('loss_weights')}: must be numbers, not {weights!r}") from error


def dpo_loss_of(config: PeerConfig) -> Outcome:
    """The loss of pairs, or the weights of several."""
    weights = _weights_of(config)
    known = {"sigmoid" if name == "sigmoid_norm" else name: w for name, w in weights.items() if name != "sft"}
    other = [name for name in known if name not in _PAIR_LOSSES]
    known = {_plain(name, config): weight for name, weight in known.items() if name in _PAIR_LOSSES}
    lost = f"there is no loss {', '.join(other)} of pairs" if other else ""
    if "sigmoid_norm" in weights and len(known) > 1:
        lost = "; ".join(
            filter(None, [lost, "`length_normalized` holds for all losses, and sigmoid_norm is one of several"])
        )
    only = next(iter(known)) if len(known) == 1 else None
    if only is not None and known[only] == 1.0:
        return Outcome(only, lost=lost)
    return Outcome(known or None, lost=lost)


def _plain(name: str, config: PeerConfig) -> str:
    """`robust` without label smoothing is the sigmoid loss, and a recipe writes it so."""
    return "sigmoid" if name == "robust" and not config.number("label_smoothing") else name


def sft_weight_of(config: PeerConfig) -> Outcome:
    """The weight of the SFT term on the chosen completions."""
    weight = _weights_of(config).get("sft", 0.0) + config.number("rpo_alpha")
    return (
        Outcome(weight, "the mean over a completion's tokens; there, over the tokens of a batch")
        if weight
        else Outcome()
    )


def length_normalized_of(config: PeerConfig) -> Outcome:
    """Whether log-ratios are divided by the number of tokens."""
    alone = set(_weights_of(config)) - {"sft"} == {"sigmoid_norm"}
    return Outcome(True if alone else None)


def smoothing_of(config: PeerConfig) -> Outcome:
    """The assumed share of wrong preferences, which TRL uses in the loss robust."""
    share = config.number("label_smoothing")
    if not share or "robust" in _weights_of(config):
        return Outcome(share or None)
    return Outcome(lost="TRL uses it with the losses robust and exo_pair alone, so the recipe has none")


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


def clip_high_of(low: str, high: str) -> Convert:
    """The upper clip, which TRL takes from the lower one if it is not set; sapo has no clip."""
    return lambda config: Outcome(config.number(high if config.get(high) is not None else low) or None)


def without_sapo(loss: str, convert: Convert) -> Convert:
    """A clip, which the loss sapo does not have."""
    return lambda config: Outcome() if config.get(loss) == "sapo" else convert(config)


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
        translated("epsilon", "clip_low", without_sapo("loss_type", as_number("epsilon")), "the same"),
        translated(
            "epsilon_high epsilon",
            "clip_high",
            without_sapo("loss_type", clip_high_of("epsilon", "epsilon_high")),
            "the same",
        ),
        translated("delta", "dual_clip", as_number("delta"), "the same"),
        translated("sapo_temperature_pos", "tau_pos", as_number("sapo_temperature_pos"), "the same"),
        translated("sapo_temperature_neg", "tau_neg", as_number("sapo_temperature_neg"), "the same"),
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
            "top_entropy_quantile off_policy_mask_threshold use_bias_correction_kl vespo_k_pos vespo_lambda_pos "
            "vespo_k_neg vespo_lambda_neg use_adaptive_entropy entropy_coef_min entropy_coef_max entropy_coef_delta "
            "entropy_target max_tool_calling_iterations",
            "this variant of GRPO is not here",
        ),
    )
)
"""What becomes of the keys of TRL's GRPO."""
