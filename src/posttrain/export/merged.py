"""Merges an adapter into its base, and compares what was written with the model that peft keeps apart."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posttrain.core.group import Completion, Floats, Group
from posttrain.errors import RunError
from posttrain.export.options import DType, Export
from posttrain.policy.load import end_tokens_of
from posttrain.policy.lora.folder import adapter_in
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.save import save_policy
from posttrain.policy.shape import load_config
from posttrain.policy.verify import apart, folder_values

PROBE = (
    "Which of these folders holds the model? The one whose log-probs on this text, read by transformers alone, equal "
    "those of the model in memory: 1, 2, 3 and so on, up to the last token."
)
"""The text on which the folder and the model are compared."""

MOST_ROUNDED = 0.5
"""The largest rounding that is not worth a note, as a share of what training changed."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The text, and the values on it in float32.

    Args:
        expected: of the model whose adapter peft keeps apart.
        start: of an adapter's base, if the written weights are rounded; None for a complete or a reward model.
    """

    group: Group
    expected: Floats
    start: Floats | None


def save_merged(place: str, folder: Path, export: Export, on_note: Callable[[str], None]) -> None:
    """Write all weights in safetensors, with an adapter merged into them in float32.

    Raises:
        RunError: the folder gives other values than the model, whose adapter peft keeps apart.
    """
    trust, inner = export.trust_remote_code, folder / "model"
    causal, dtype = not scores(place, trust_remote_code=trust), export.dtype or _dtype_of(place, trust)
    probe = write_merged(place, inner, dtype, export, on_note)
    values = folder_values(inner, [probe.group], causal=causal, dtype=torch.float32, trust_remote_code=trust)
    check_same(place, values, probe, dtype, causal=causal)
    tell_of_rounding(values, probe, f"to {dtype}", "--dtype float32", on_note)
    for path in inner.iterdir():
        path.rename(folder / path.name)
    inner.rmdir()


def write_merged(place: str, folder: Path, dtype: DType, export: Export, on_note: Callable[[str], None]) -> Probe:
    """Write all weights as transformers reads them; the values that they should give."""
    trust, causal = export.trust_remote_code, not scores(place, trust_remote_code=export.trust_remote_code)
    options = PolicyOptions(precision="float32", device="cpu", trust_remote_code=trust)
    policy = open_policy(place, options, task="causal" if causal else "score", train=False, on_note=on_note)
    policy.end_tokens = end_tokens_of(place, policy.tokenizer, policy.base.config)  # those of training, not the base's
    probe = _probe(policy.tokenizer)
    save_policy(policy, folder, dtype=dtype, shard_size=export.shard_size, trust_remote_code=trust, on_note=on_note)
    policy.model = torch.nn.Module()  # its memory is free for the comparison
    adapter, exact = adapter_in(place), export.gguf == "f32" if export.gguf else dtype == "float32"
    places = [place] if adapter is None or not causal or exact else [place, adapter.base]
    expected, *start = (
        folder_values(Path(each), [probe], causal=causal, dtype=torch.float32, trust_remote_code=trust)
        for each in places
    )
    return Probe(probe, expected, start[0] if start else None)


def check_same(place: str, values: Floats, probe: Probe, dtype: DType, *, causal: bool) -> None:
    """Compare the values of what was written with those of the model.

    Args:
        dtype: whose rounding is no difference.

    Raises:
        RunError: they differ.
    """
    if (difference := apart(values, probe.expected, {dtype}, causal=causal)) is not None:
        raise RunError(
            f"{place}: merged and loaded by transformers, its values differ by {difference:.3g} on average; nothing "
            "was written. Export it with --adapter, and please report the model's architecture"
        )


def tell_of_rounding(values: Floats, probe: Probe, form: str, exact: str, on_note: Callable[[str], None]) -> None:
    """Call `on_note` if rounding the weights changes the model about as much as training did.

    Args:
        values: of what was written.
        form: names what was written.
        exact: the flag that writes it without rounding.
    """
    if probe.start is None:
        return
    trained = float(np.abs(probe.start - probe.expected).mean())
    rounded = float(np.abs(values - probe.expected).mean())
    if rounded > MOST_ROUNDED * trained > 0:
        on_note(
            f"training changed little: on a test text it moved the log-probs by {trained:.2g} on average, and rounding "
            f"{form} moves them by {rounded:.2g}. Measure the folder with posttrain eval, or write it with {exact}"
        )


def scores(place: str, *, trust_remote_code: bool = False) -> bool:
    """Whether a model is a reward model."""
    adapter = adapter_in(place)
    if adapter is not None:
        return adapter.scores
    architectures = load_config(place, trust_remote_code=trust_remote_code).architectures or ()
    return any("SequenceClassification" in name for name in architectures)


def _probe(tokenizer: Any) -> Group:
    tokens = np.array(tokenizer(PROBE)["input_ids"], np.int32)
    return Group("the probe", tokens[:1], (Completion(tokens[1:], np.ones(len(tokens) - 1, np.bool_)),))


def _dtype_of(place: str, trust_remote_code: bool) -> DType:
    """The dtype of a model's weights, of an adapter's base; float32 where the configuration has none."""
    named = str(load_config(place, trust_remote_code=trust_remote_code).dtype).removeprefix("torch.")
    return named if named in ("bfloat16", "float16") else "float32"  # pyright: ignore[reportReturnType]
