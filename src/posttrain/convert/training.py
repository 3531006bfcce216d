"""How values of training change: batches, steps, schedules, optimisers, precision. Every peer trains with
transformers' Trainer, so these functions serve all of them; each takes the names of the peer's keys."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.convert.keys import Convert, Outcome, PeerConfig
from posttrain.errors import InputError

MOST_EPOCHS = 100
"""The epochs of a run that `max_steps` ends. More would take time: the order of each epoch is computed at the start."""

_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant",
    "constant_with_warmup": "constant",
    "cosine_with_min_lr": "cosine",
    "cosine_warmup_with_min_lr": "cosine",
    "warmup_stable_decay": "wsd",
}
_NEAREST = {"cosine_with_restarts": "cosine", "polynomial": "linear", "rex": "linear", "one_cycle": "cosine"}

_OPTIMIZERS = {
    "adamw": "adamw_torch adamw_torch_fused adamw_hf adamw_torch_xla paged_adamw paged_adamw_32bit adamw",
    "adamw8bit": "adamw_bnb_8bit adamw_8bit paged_adamw_8bit adamw_torch_8bit ao_adamw_8bit",
}


def rows_per_step(config: PeerConfig, per_device: str, accumulation: str) -> int:
    """The rows of an optimiser step: those of a device, times gradient accumulation, times devices."""
    return max(1, config.count(per_device)) * max(1, config.count(accumulation)) * config.devices


def batch_remark(config: PeerConfig, per_device: str, accumulation: str) -> str:
    """The product behind a batch size, as a comment."""
    devices = "1 device" if config.devices == 1 else f"{config.devices} devices"
    return (
        f"{max(1, config.count(per_device))} per device x {max(1, config.count(accumulation))} accumulated x {devices}"
    )


def batch_in_rows(per_device: str, accumulation: str, packing: Sequence[str] = ()) -> Convert:
    """The batch size, unless the peer fills rows with several examples."""

    def convert(config: PeerConfig) -> Outcome:
        if any(config.flag(key) for key in packing):
            return Outcome()
        value = rows_per_step(config, per_device, accumulation)
        return Outcome(value, batch_remark(config, per_device, accumulation))

    return convert


def batch_in_tokens(per_device: str, accumulation: str, packing: Sequence[str], length: str) -> Convert:
    """The tokens of a step, if the peer fills rows of a fixed length with several examples."""

    def convert(config: PeerConfig) -> Outcome:
        if not any(config.flag(key) for key in packing) or not config.count(length):
            return Outcome()
        tokens = rows_per_step(config, per_device, accumulation) * config.count(length)
        product = batch_remark(config, per_device, accumulation)
        return Outcome(tokens, f"{product}, filled rows of {config.count(length):,} tokens")

    return convert


def epochs_of(epochs: str, steps: str = "max_steps") -> Convert:
    """The epochs; where a number of steps is set, the peer runs as many epochs as they take."""

    def convert(config: PeerConfig) -> Outcome:
        if config.number(steps) > 0:
            total = config.count(steps)
            early = (
                f"`epochs: {MOST_EPOCHS}` ends the run earlier if an epoch has fewer than {-(-total // MOST_EPOCHS)} "
                "steps; then raise it"
            )
            # An epoch has at least one step, so as many epochs as steps never end the run earlier.
            lost = early if total > MOST_EPOCHS else ""
            return Outcome(min(total, MOST_EPOCHS), f"{steps} ends the run, as it does there", lost)
        return Outcome(config.number(epochs) or None)

    return convert


def schedule_of(key: str) -> Convert:
    """The learning-rate schedule."""

    def convert(config: PeerConfig) -> Outcome:
        name = str(config.get(key)).lower()
        if name in _SCHEDULES:
            wsd = "the decay is linear here" if name == "warmup_stable_decay" else ""
            return Outcome(_SCHEDULES[name], wsd)
        near = _NEAREST.get(name)
        advice = f"`schedule: {near}` is the nearest" if near else "choose a `schedule` of your own"
        return Outcome(near, lost=f"there is no schedule {name}; {advice}")

    return convert


def schedule_arguments(config: PeerConfig, key: str = "lr_scheduler_kwargs") -> Mapping[str, Any]:
    """The arguments of the schedule: a mapping, or JSON in a text.

    Raises:
        InputError: the value is neither.
    """
    value = config.get(key) or {}
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InputError(f"{config.where(key)}: must be a mapping, not {value!r}")
    return read


def min_rate_of(config: PeerConfig) -> Outcome:
    """The lowest rate as a share of the peak."""
    arguments = schedule_arguments(config)
    share, rate = arguments.get("min_lr_rate", arguments.get("min_lr_ratio")), arguments.get("min_lr")
    others = sorted(set(arguments) - {"min_lr_rate", "min_lr_ratio", "min_lr", "num_decay_steps"})
    lost = f"{', '.join(others)}: such arguments of a schedule have no counterpart" if others else ""
    if isinstance(share, int | float):
        return Outcome(share, lost=lost)
    if isinstance(rate, int | float) and (peak := config.number("learning_rate")):
        return Outcome(rate / peak, f"{rate} of a peak of {peak}", lost)
    return Outcome(lost=lost)


def decay_of(config: PeerConfig) -> Outcome:
    """The share of the steps that the last decay takes."""
    steps, total = schedule_arguments(config).get("num_decay_steps"), config.number("max_steps")
    if not isinstance(steps, int | float):
        return Outcome()
    if total > 0:
        return Outcome(min(1.0, steps / total), f"{steps} of {total:g} steps")
    return Outcome(lost=f"`decay` is a share here: divide {steps} by the steps that `posttrain plan` prints")


def warmup_of(schedule: str, most_steps: int | None = None) -> Convert:
    """The warm-up as a share of the steps.

    Args:
        schedule: the key of the schedule; transformers' `constant` has no warm-up.
        most_steps: the largest number of warm-up steps of the peer's default.
    """

    def convert(config: PeerConfig) -> Outcome:
        steps, ratio, total = config.number("warmup_steps"), config.number("warmup_ratio"), config.number("max_steps")
        if str(config.get(schedule)) == "constant":
            return Outcome(0.0, "transformers' schedule `constant` has no warm-up")
        if 0 < steps < 1:
            return Outcome(steps)
        if steps and total > 0:
            return Outcome(min(1.0, steps / total), f"{steps:g} of {total:g} steps")
        if steps:
            return Outcome(
                lost=f"`warmup` is a share here (0.05 if unset): divide {steps:g} by the steps that `posttrain plan` "
                "prints"
            )
        if most_steps is not None and "warmup_ratio" not in config.given:
            return Outcome(ratio, f"there at most {most_steps} steps")
        return Outcome(ratio)

    return convert


def optimizer_of(key: str) -> Convert:
    """The optimiser."""

    def convert(config: PeerConfig) -> Outcome:
        name = str(config.get(key))
        ours = next((kind for kind, names in _OPTIMIZERS.items() if name in names.split()), None)
        return Outcome(ours) if ours else Outcome(lost=f"there is no optimiser {name}; `adamw` takes its place")

    return convert


def betas_of(config: PeerConfig) -> Outcome:
    """AdamW's β1 and β2."""
    return Outcome([config.number("adam_beta1"), config.number("adam_beta2")])


def clip_of(config: PeerConfig) -> Outcome:
    """The largest norm of gradients; 0 means that they are not clipped."""
    norm = config.number("max_grad_norm")
    return Outcome(norm) if norm > 0 else Outcome(1e6, "gradients are not clipped there")


def precision_of(*names: str) -> Convert:
    """The dtype of matrix products.

    Args:
        names: the keys that switch bfloat16 on.
    """

    def convert(config: PeerConfig) -> Outcome:
        if config.flag("fp16") or config.flag("float16"):
            return Outcome(lost="there is no training in float16; `precision: auto` takes the faster of two others")
        if any(str(config.get(name)) == "auto" for name in names):
            return Outcome("auto")
        return Outcome("bfloat16" if any(config.flag(name) for name in names) else "float32")

    return convert


def steps_between(key: str, strategy: str | None = None) -> Convert:
    """Steps between two evaluations or checkpoints; a fraction is a share of the run.

    Args:
        strategy: the key that must have the value `steps`, or no value.
    """

    def convert(config: PeerConfig) -> Outcome:
        steps, total = config.number(key), config.number("max_steps")
        named = config.get("evaluation_strategy") or config.get(strategy) if strategy else None
        if str(named or "steps") != "steps":
            return Outcome()
        if 0 < steps < 1 and total <= 0:
            return Outcome(lost="a share of the run; if the key is unset here, it is a tenth of the run")
        return Outcome(max(1, round(steps * total if steps < 1 else steps)) if steps > 0 else None)

    return convert


def validation_share(size: float) -> Outcome:
    """The share of rows that is held out, from a share or a number of rows; 0 holds out none."""
    if size >= 1:
        return Outcome(lost=f"`validation` is a share here: divide {size:g} by the number of rows")
    return Outcome(size or None)


def trackers_of(config: PeerConfig) -> Outcome:
    """The experiment trackers."""
    known = [name for name in config.names("report_to") if name in {"tensorboard", "mlflow", "wandb", "trackio"}]
    other = [name for name in config.names("report_to") if name not in {*known, "none", "all"}]
    lost = f"there is no tracker {', '.join(other)}; docs/trackers.md lists those there are" if other else ""
    return Outcome(known or None, lost=lost)


def on_cpu(config: PeerConfig) -> Outcome:
    """The processor as the device."""
    return Outcome("cpu" if config.flag("use_cpu") else None)
