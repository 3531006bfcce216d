"""Merges an adapter into its base, and compares what was written with the model that peft keeps apart."""

from collections.abc import Callable
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


def save_merged(place: str, folder: Path, export: Export, on_note: Callable[[str], None]) -> None:
    """Write all weights in safetensors, with an adapter merged into them in float32.

    Raises:
        RunError: the folder gives other values than the model, whose adapter peft keeps apart.
    """
    trust, inner = export.trust_remote_code, folder / "model"
    causal, dtype = not scores(place, trust_remote_code=trust), export.dtype or _dtype_of(place, trust)
    probe, expected = write_merged(place, inner, dtype, export, on_note)
    values = folder_values(inner, [probe], causal=causal, dtype=torch.float32, trust_remote_code=trust)
    check_same(place, values, expected, dtype, causal=causal)
    for path in inner.iterdir():
        path.rename(folder / path.name)
    inner.rmdir()


def write_merged(
    place: str, folder: Path, dtype: DType, export: Export, on_note: Callable[[str], None]
) -> tuple[Group, Floats]:
    """Write all weights as transformers reads them.

    Returns:
        a text, and the values on it of the model whose adapter peft keeps apart.
    """
    trust, causal = export.trust_remote_code, not scores(place, trust_remote_code=export.trust_remote_code)
    options = PolicyOptions(precision="float32", device="cpu", trust_remote_code=trust)
    policy = open_policy(place, options, task="causal" if causal else "score", train=False, on_note=on_note)
    policy.end_tokens = end_tokens_of(place, policy.tokenizer, policy.base.config)  # those of training, not the base's
    probe = _probe(policy.tokenizer)
    save_policy(policy, folder, dtype=dtype, shard_size=export.shard_size, trust_remote_code=trust, on_note=on_note)
    policy.model = torch.nn.Module()  # its memory is free for the comparison
    expected = folder_values(Path(place), [probe], causal=causal, dtype=torch.float32, trust_remote_code=trust)
    return probe, expected


def check_same(place: str, values: Floats, expected: Floats, dtype: DType, *, causal: bool) -> None:
    """Compare the values of what was written with those of the model.

    Args:
        dtype: whose rounding is no difference.

    Raises:
        RunError: they differ.
    """
    if (difference := apart(values, expected, {dtype}, causal=causal)) is not None:
        raise RunError(
            f"{place}: merged and loaded by transformers, its values differ by {difference:.3g} on average; nothing "
            "was written. Export it with --adapter, and please report the model's architecture"
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
