"""The keys of LLaMA-Factory's PPO, which is that of TRL 0.9."""

from posttrain.convert.keys import Key, Outcome, PeerConfig, as_count, as_flag, as_number, translated
from posttrain.errors import InputError


def _reward_model_of(config: PeerConfig) -> Outcome:
    if config.get("reward_model") is None:
        raise InputError(f"{config.where('stage')}: PPO needs the key reward_model")
    return Outcome(
        {"people": {"kind": "model", "model": str(config.get("reward_model"))}},
        lost="a reward model of LLaMA-Factory keeps its head in a file of its own, which is not read; train it with a "
        "stage of kind reward, and name that stage",
    )


LLAMA_FACTORY_PPO: tuple[Key, ...] = (
    translated("reward_model", "rewards", _reward_model_of, "a stage of kind reward, or a model's folder", "ppo"),
    translated("max_new_tokens", "max_new_tokens", as_count("max_new_tokens"), "the same", "ppo"),
    translated("temperature", "temperature", as_number("temperature"), "the same", "ppo"),
    translated("top_p", "top_p", as_number("top_p"), "the same", "ppo"),
    translated("top_k", "top_k", as_count("top_k"), "the same", "ppo"),
    translated("ppo_epochs", "inner_epochs", as_count("ppo_epochs"), "the same", "ppo"),
    translated("ppo_buffer_size", "minibatches", as_count("ppo_buffer_size"), "the same", "ppo"),
    translated("ppo_target", "target_kl", as_number("ppo_target"), "the same, in nats per completion", "ppo"),
    translated("stage", "beta", lambda config: Outcome(0.2, "TRL's start value, which no key sets"), "ppo: 0.2", "ppo"),
    translated("stage", "missing_eos_penalty", lambda config: Outcome(0.0, "LLaMA-Factory has none"), "ppo: 0", "ppo"),
    translated("ppo_score_norm", "normalize", lambda c: Outcome(c.flag("ppo_score_norm")), "the same", "ppo"),
    translated("ppo_whiten_rewards", "whiten_rewards", as_flag("ppo_whiten_rewards"), "the same", "ppo"),
)
