"""How the keys of LoRA adapters change. Every peer trains peft's adapters."""

from collections.abc import Callable

from posttrain.convert.keys import Convert, Outcome, PeerConfig

LINEAR = "all-linear"
"""The name of all linear layers, in peft and in a recipe."""

Switch = Callable[[PeerConfig], bool]
"""Whether a configuration trains an adapter."""


def adapter_of(trains: Switch) -> Convert:
    """The adapter itself; its keys follow."""
    return lambda config: Outcome({} if trains(config) else None)


def within(trains: Switch, convert: Convert) -> Convert:
    """A key of the adapter, which has no effect where all weights are trained."""
    return lambda config: convert(config) if trains(config) else Outcome()


def targets_of(key: str, everything: frozenset[str] = frozenset({LINEAR})) -> Convert:
    """The layers that get an adapter.

    Args:
        everything: the values that mean all linear layers.
    """

    def convert(config: PeerConfig) -> Outcome:
        names = config.names(key)
        if everything & set(names):
            return Outcome(LINEAR)
        if names:
            return Outcome(names)
        return Outcome(["q_proj", "v_proj"], "peft's default for Llama, Qwen, Mistral and Gemma; check other models")

    return convert


def names_of(key: str) -> Convert:
    """A list of names."""
    return lambda config: Outcome(config.names(key) or None)


def dropout_of(key: str) -> Convert:
    """Dropout, which training does not have."""

    def convert(config: PeerConfig) -> Outcome:
        return Outcome(lost="training has no dropout" if config.number(key) > 0 else "")

    return convert


def four_bit_type_of(key: str, four: Switch) -> Convert:
    """The kind of 4-bit numbers of the frozen base, which is always NF4.

    Args:
        four: whether the base has 4 bits.
    """

    def convert(config: PeerConfig) -> Outcome:
        other = four(config) and config.get(key) != "nf4"
        return Outcome(lost="the frozen base has 4-bit numbers of the kind NF4" if other else "")

    return convert


def four_bits(config: PeerConfig) -> Outcome:
    """The precision of the frozen base, from `load_in_4bit` and `load_in_8bit`."""
    if config.flag("load_in_4bit"):
        return Outcome("4bit")
    eight = "the frozen base has 4 bits or all of them; `quantization: 4bit` needs the least memory"
    return Outcome(lost=eight if config.flag("load_in_8bit") else "")
