"""Compares a saved folder, loaded by transformers and peft alone, with the policy that it was saved from.

Training and metrics use the model in memory, but users get the folder.

Legend: ``L`` tokens of a text, ``V`` vocabulary.
"""

import gc
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from posttrain.core.group import Floats, Group
from posttrain.errors import RunError
from posttrain.policy.inference import outputs_by_group
from posttrain.policy.load import Policy, keep_unpacked
from posttrain.policy.lora.folder import adapter_in

TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
"""Dtype → the largest mean difference that counts as rounding, relative to the mean size of the values (to 1 if that is
smaller). The coarser dtype of memory and folder counts."""

SCORE_ROUNDING = 3
"""In half precision a score may differ by so many times more. Its terms cancel, so it is small beside its rounding: two
ways to compute a reward model of 30 layers in bfloat16 differed by 2% to 6% of the scores' mean size."""

MOST_TOKENS = 512
"""The longest text that is compared, in tokens, if a shorter one exists."""

MOST_GROUPS = 4


def comparable(groups: Sequence[Group]) -> list[Group]:
    """The first few groups with loss that are short enough to compare; the shortest group if none is."""
    usable = [g for g in groups if g.loss_tokens]
    short = [g for g in usable if max(_lengths(g)) <= MOST_TOKENS]
    return short[:MOST_GROUPS] or sorted(usable, key=lambda g: max(_lengths(g)))[:1]


def values_in_memory(policy: Policy, groups: Sequence[Group], row_tokens: int = 1024) -> Floats:
    """Log-probs of the groups' loss tokens, or scores of their completions, in order.

    With float32 weights the computation is in float32, also if the precision of training is lower.
    """
    exact = replace(policy, autocast=None) if weights_dtype(policy) is torch.float32 else policy
    want = "logp" if policy.task == "causal" else "score"
    outputs = outputs_by_group(exact, groups, {want}, row_tokens)
    values = [each.logp_N if want == "logp" else each.score_C for each in outputs]
    return torch.cat([each for each in values if each is not None]).float().numpy()


def weights_dtype(policy: Policy) -> torch.dtype:
    """The dtype of the weights, apart from adapters."""
    return policy.base.get_input_embeddings().weight.dtype


def folder_values(
    folder: Path,
    groups: Sequence[Group],
    *,
    causal: bool,
    dtype: torch.dtype,
    trust_remote_code: bool,
    gguf_file: str | None = None,
) -> Floats:
    """The values of `values_in_memory` by a folder, loaded as another tool would, on the CPU.

    Args:
        causal: False for a reward model.
        dtype: of the loaded weights.
        gguf_file: the name of the file to load, if the weights are in a GGUF file.
    """
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "trust_remote_code": trust_remote_code}
    if gguf_file is None:
        model = _load(folder, causal, options)
    else:
        with redirect_stderr(StringIO()):  # transformers shows a progress bar of its own
            model = _load(folder, causal, {**options, "gguf_file": gguf_file})
    with torch.no_grad():
        return torch.cat([_values(model, group, causal, torch.device("cpu")) for group in groups]).numpy()


def apart(values: Floats, expected: Floats, dtypes: set[str], *, causal: bool) -> float | None:
    """The mean difference of two models' values if it is more than rounding; None if it is not.

    Args:
        dtypes: of the weights of both; the coarser one counts.
    """
    tolerance = max(TOLERANCE[name] for name in dtypes if name in TOLERANCE)
    if not causal and tolerance > TOLERANCE["float32"]:
        tolerance *= SCORE_ROUNDING
    difference = float(np.abs(values - expected).mean())
    return None if difference <= tolerance * max(1.0, float(np.abs(expected).mean())) else difference


def check_folder_gives(
    folder: Path,
    expected: Floats,
    groups: Sequence[Group],
    policy: Policy,
    *,
    saved: str,
    trust_remote_code: bool,
    on_note: Callable[[str], None],
) -> None:
    """Load a folder as another tool would, and compare its values with the policy's.

    The policy's weights are freed first, so that two models are never in memory at once. It cannot be used afterwards.
    An adapter may differ by what peft rounds away (see `core.low_rank`): its values count if they are right once its
    layers round once, and `on_note` is called with what the reader loses.

    Args:
        folder: the folder of a model or an adapter.
        expected: the values of `values_in_memory`.
        saved: dtype of the weights in the folder.

    Raises:
        RunError: the values differ by more than rounding.
    """
    device, dtype, autocast = policy.device, weights_dtype(policy), policy.autocast
    four_bits = getattr(policy.base.config, "quantization_config", None)
    causal = policy.task == "causal"
    policy.model = torch.nn.Module()
    if policy.shards is not None:
        policy.shards.drop()
    gc.collect()
    options = {"dtype": dtype, "use_safetensors": True, "trust_remote_code": trust_remote_code}
    if four_bits is not None:
        options |= {"quantization_config": four_bits}
    model = _load(folder, causal, {**options, "device_map": {"": str(device)}})
    half = autocast is not None and dtype is not torch.float32

    def values() -> Floats:
        with torch.no_grad(), torch.autocast(device.type, autocast) if half else nullcontext():
            return torch.cat([_values(model, group, causal, device) for group in groups]).cpu().numpy()

    dtypes = {saved, str(dtype).removeprefix("torch.")}
    quantity = "log-prob of held-out tokens" if causal else "score"
    found = values()
    if apart(found, expected, dtypes, causal=causal) is None:
        return
    from posttrain.policy.lora.fused_linear import fuse_adapters

    fuse_adapters(model)
    once = values()
    difference = apart(once, expected, dtypes, causal=causal)
    if difference is not None:
        raise RunError(
            f"{folder.name}: loaded by transformers, the saved model differs from the trained one: its {quantity} "
            f"differs by {difference:.3g} on average, from {expected.mean():.4g} to {once.mean():.4g}. Nothing was "
            "saved; the last checkpoint is kept. Please report the model's architecture"
        )
    on_note(
        f"training changed little, and peft rounds a part of it away in {str(dtype).removeprefix('torch.')}: the mean "
        f"{quantity} is {found.mean():.4g} there, and {expected.mean():.4g} here. Tools that use peft should load this "
        "adapter in float32"
    )


def _load(folder: Path, causal: bool, options: dict[str, Any]) -> Any:
    """The model, or the adapter on its base; the latter in 4 bits if the options say so."""
    from peft import PeftModel

    adapter = adapter_in(str(folder))
    auto: Any = AutoModelForCausalLM if causal else AutoModelForSequenceClassification
    if adapter is None:
        return auto.from_pretrained(str(folder), **options).eval()
    if not causal:
        options["num_labels"] = 1
    base = auto.from_pretrained(adapter.base, **options)
    keep_unpacked(base)
    return PeftModel.from_pretrained(base, str(folder)).eval()


def _values(model: Any, group: Group, causal: bool, device: torch.device) -> Tensor:
    """The values of one group's completions; each is a plain text with its prompt."""
    values: list[Tensor] = []
    for completion in group.completions:
        text_L = torch.from_numpy(np.concatenate([group.prompt, completion.tokens])).long().to(device)
        logits = model(input_ids=text_L[None], attention_mask=torch.ones_like(text_L)[None], use_cache=False).logits[0]
        if not causal:
            values.append(logits.float())
            continue
        places = torch.from_numpy(np.flatnonzero(completion.loss)).to(device) + len(group.prompt)
        before_V = logits[places - 1].float()
        values.append(before_V.gather(1, text_L[places, None])[:, 0] - before_V.logsumexp(-1))
    return torch.cat(values)


def _lengths(group: Group) -> list[int]:
    return [len(group.prompt) + len(completion.tokens) for completion in group.completions]
