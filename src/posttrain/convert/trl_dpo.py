"""How the keys of TRL's DPO losses change. Axolotl passes the same keys on to TRL."""

from collections.abc import Iterator, Mapping, Sequence

from posttrain.convert.keys import Convert, Outcome, PeerConfig
from posttrain.errors import InputError

_PAIR_LOSSES = {"sigmoid", "hinge", "ipo", "robust", "apo_zero", "apo_down"}


def _weights_of(config: PeerConfig) -> dict[str, float]:
    """Loss → its weight, as TRL adds them."""
    names = config.names("loss_type") or ["sigmoid"]
    weights = config.get("loss_weights")
    numbers = weights if isinstance(weights, list) and len(weights) == len(names) else [1.0] * len(names)
    try:
        return _added(list(zip(names, map(float, numbers), strict=True)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{config.where('loss_weights')}: must be numbers, not {weights!r}") from error


def _added(weights: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Loss → the sum of its weights."""
    return {name: sum(weight for other, weight in weights if other == name) for name, _ in weights}


def dpo_loss_of(config: PeerConfig) -> Outcome:
    """The loss of pairs, or the weights of several."""
    weights = {name: weight for name, weight in _weights_of(config).items() if name != "sft"}
    plain = [(_plain(name, config), weight) for name, weight in weights.items()]
    known = _added([(name, weight) for name, weight in plain if name in _PAIR_LOSSES])
    lost = "; ".join(_lost_losses(config, weights, known))
    only = next(iter(known)) if len(known) == 1 else None
    if only is not None and known[only] == 1.0:
        return Outcome(only, lost=lost)
    return Outcome(known or None, lost=lost)


def _lost_losses(config: PeerConfig, weights: Mapping[str, float], known: Mapping[str, float]) -> Iterator[str]:
    """What a recipe does not keep of the losses.

    Args:
        weights: TRL's losses but `sft`.
        known: those of the recipe.
    """
    if other := [name for name in weights if _plain(name, config) not in _PAIR_LOSSES]:
        yield f"there is no loss {', '.join(other)} of pairs" + ("" if known else "; sigmoid takes its place")
    if not weights:
        yield "a stage of kind dpo always has a loss of pairs, here sigmoid; for sft alone, take a stage of kind sft"
    if "sigmoid_norm" in weights and len(weights) > 1:
        yield "`length_normalized` holds for all losses, so sigmoid_norm is sigmoid here"
    if {"sigmoid", "robust"} <= known.keys():
        yield "`label_smoothing` holds for sigmoid too, where TRL smooths robust alone"


def _plain(name: str, config: PeerConfig) -> str:
    """The loss of a recipe: `robust` without label smoothing and `sigmoid_norm` are the loss sigmoid."""
    unsmoothed = name == "robust" and not config.number("label_smoothing")
    return "sigmoid" if unsmoothed or name == "sigmoid_norm" else name


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


def prompts_alone_of(key: str) -> Convert:
    """The limit of a prompt alone, which rows with completions do not have."""

    def convert(config: PeerConfig) -> Outcome:
        limited = config.number(key) > 0
        return Outcome(
            lost="`max_length` holds for a prompt with its completion; prompts alone have no limit" if limited else ""
        )

    return convert
