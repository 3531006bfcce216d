"""The keys of LLaMA-Factory's losses of pairs and labels."""

from posttrain.convert.keys import Key, Outcome, PeerConfig, as_number, translated

_PAIR_LOSSES = {"sigmoid", "hinge", "ipo", "orpo", "simpo"}


def _pair_loss_of(config: PeerConfig) -> Outcome:
    name = str(config.get("pref_loss"))
    return (
        Outcome(name)
        if name in _PAIR_LOSSES
        else Outcome(lost=f"there is no loss {name} of pairs; sigmoid takes its place")
    )


def _gamma_of(config: PeerConfig) -> Outcome:
    return Outcome(config.number("simpo_gamma") if config.get("pref_loss") == "simpo" else None)


def _sft_weight_of(config: PeerConfig) -> Outcome:
    weight = config.number("pref_ftx")
    if weight and config.get("pref_loss") == "orpo":
        return Outcome(lost="orpo has an SFT term of weight 1 already, and no second one")
    return Outcome(weight or None)


def _kto_sft_weight_of(config: PeerConfig) -> Outcome:
    weight = config.number("pref_ftx")
    return Outcome(
        lost="KTO has no SFT term; a stage of kind sft before it trains on the good answers" if weight else ""
    )


def _smoothing_of(config: PeerConfig) -> Outcome:
    return Outcome(config.number("dpo_label_smoothing") or None)


LLAMA_FACTORY_PAIRS: tuple[Key, ...] = (
    translated("pref_beta", "beta", as_number("pref_beta"), "the same", "dpo kto"),
    translated("pref_loss", "loss", _pair_loss_of, "sigmoid, hinge, ipo, orpo and simpo", "dpo"),
    translated("simpo_gamma", "gamma", _gamma_of, "the same, with the loss simpo", "dpo"),
    translated("pref_ftx", "sft_weight", _sft_weight_of, "the same", "dpo"),
    translated("pref_ftx", "", _kto_sft_weight_of, "no counterpart", "kto"),
    translated("dpo_label_smoothing", "label_smoothing", _smoothing_of, "the same", "dpo"),
    translated("kto_chosen_weight", "desirable_weight", as_number("kto_chosen_weight"), "the same", "kto"),
    translated("kto_rejected_weight", "undesirable_weight", as_number("kto_rejected_weight"), "the same", "kto"),
)
