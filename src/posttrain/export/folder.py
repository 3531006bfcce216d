"""Writes the folder: weights that give the same values as the model they come from, and what goes beside them."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from posttrain.core.group import Completion, Group
from posttrain.errors import InputError, RunError
from posttrain.files import read_json, seal, whole_folder, write_json
from posttrain.policy.load import Task, end_tokens_of
from posttrain.policy.lora.folder import AdapterFolder, adapter_in
from posttrain.policy.open import open_policy
from posttrain.policy.options import PolicyOptions
from posttrain.policy.save import save_policy
from posttrain.policy.shape import load_config
from posttrain.policy.verify import apart, folder_values

DType = Literal["float32", "bfloat16", "float16"]

LICENCES = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*", "USE_POLICY*")
"""Files of the base model that go along."""

ADAPTER_FILES = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "chat_template.jinja",
)
"""Files of an adapter's folder that go along; other tools may have left more."""

PROBE = (
    "Which of these folders holds the model? The one whose log-probs on this text, read by transformers alone, equal "
    "those of the model in memory: 1, 2, 3 and so on, up to the last token."
)
"""The text on which the folder and the model are compared."""


@dataclass(frozen=True, slots=True)
class Export:
    """What to write.

    Args:
        adapter: keep an adapter as it is, instead of merging it into its base.
        dtype: of merged weights; None for that of the base.
        shard_size: the largest file of weights, such as "5GB".
        base: the name that an adapter's configuration gives its base, for the machine that reads it.
        card: the text of the model card; None for that of the model's folder, if it has one.
        licences_from: folders whose licence files go along.
    """

    adapter: bool = False
    dtype: DType | None = None
    shard_size: str = "5GB"
    base: str | None = None
    trust_remote_code: bool = False
    card: str | None = None
    licences_from: tuple[Path, ...] = ()


def export_folder(
    place: str, target: Path, export: Export, on_note: Callable[[str], None] = lambda sentence: None
) -> None:
    """Write a model's folder, atomically; ``hashes.json`` has the SHA-256 hash of each file.

    Args:
        place: folder or hub id of the model.
        on_note: called with each sentence that a user of the folder should know.

    Raises:
        InputError: the model cannot be loaded or exported so, or the target exists.
        RunError: the folder would give other values than the model.
    """
    if target.exists():
        raise InputError(f"--to {target}: is there already; choose another name")
    if re.fullmatch(r"\d+(\.\d+)?[KMGT]B", export.shard_size) is None:
        raise InputError(f"--shard-size {export.shard_size}: write a number and a unit, such as 500MB or 5GB")
    adapter = adapter_in(place)
    if export.adapter and adapter is None:
        raise InputError(f"--adapter: {place} is a complete model, no adapter; leave the flag out")
    with whole_folder(target) as folder:
        if adapter is not None and export.adapter:
            _copy_adapter(adapter, folder, export.base)
        else:
            _save_merged(place, folder, export, on_note)
        _add_texts(place, adapter, folder, export, on_note)
        seal(folder)


def scores(place: str, *, trust_remote_code: bool = False) -> bool:
    """Whether a model is a reward model."""
    adapter = adapter_in(place)
    if adapter is not None:
        return adapter.scores
    architectures = load_config(place, trust_remote_code=trust_remote_code).architectures or ()
    return any("SequenceClassification" in name for name in architectures)


def _save_merged(place: str, folder: Path, export: Export, on_note: Callable[[str], None]) -> None:
    """Write all weights, with an adapter merged into them in float32.

    Raises:
        RunError: the folder gives other values than the model, whose adapter peft keeps apart.
    """
    trust, causal = export.trust_remote_code, not scores(place, trust_remote_code=export.trust_remote_code)
    dtype, task = export.dtype or _dtype_of(place, trust), _task(causal)
    options = PolicyOptions(precision="float32", device="cpu", trust_remote_code=trust)
    policy = open_policy(place, options, task=task, train=False, on_note=on_note)
    policy.end_tokens = end_tokens_of(place, policy.tokenizer, policy.base.config)  # those of training, not the base's
    probe = [_probe(policy.tokenizer)]
    inner = folder / "model"
    save_policy(policy, inner, dtype=dtype, shard_size=export.shard_size, trust_remote_code=trust, on_note=on_note)
    policy.model = torch.nn.Module()  # its memory is free for the comparison
    expected, values = (
        folder_values(source, probe, causal=causal, dtype=torch.float32, trust_remote_code=trust)
        for source in (Path(place), inner)
    )
    if (difference := apart(values, expected, {dtype}, causal=causal)) is not None:
        raise RunError(
            f"{place}: merged and loaded by transformers, its values differ by {difference:.3g} on average; nothing "
            "was written. Export it with --adapter, and please report the model's architecture"
        )
    for path in inner.iterdir():
        path.rename(folder / path.name)
    inner.rmdir()


def _task(causal: bool) -> Task:
    return "causal" if causal else "score"


def _probe(tokenizer: Any) -> Group:
    tokens = np.array(tokenizer(PROBE)["input_ids"], np.int32)
    return Group("the probe", tokens[:1], (Completion(tokens[1:], np.ones(len(tokens) - 1, np.bool_)),))


def _dtype_of(place: str, trust_remote_code: bool) -> DType:
    """The dtype of a model's weights, of an adapter's base; float32 where the configuration has none."""
    named = str(load_config(place, trust_remote_code=trust_remote_code).dtype).removeprefix("torch.")
    return named if named in ("bfloat16", "float16") else "float32"  # pyright: ignore[reportReturnType]


def _copy_adapter(adapter: AdapterFolder, folder: Path, base: str | None) -> None:
    """Copy an adapter; its configuration names the base as the reader's machine knows it."""
    if base is None and Path(adapter.base).is_dir():
        raise InputError(
            f"--adapter: its base is a folder of this machine ({adapter.base}); name it for the reader with --base, as "
            "a hub id or a folder there, or leave --adapter out for merged weights"
        )
    _copy_files(adapter.path, ADAPTER_FILES, folder)
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    write_json(folder / "adapter_config.json", {**config, "base_model_name_or_path": base or adapter.base})


def _add_texts(
    place: str, adapter: AdapterFolder | None, folder: Path, export: Export, on_note: Callable[[str], None]
) -> None:
    """Add the card, and the licences of the model and of its base."""
    if export.card is not None:
        (folder / "README.md").write_text(export.card, encoding="utf-8")
    else:
        _copy_files(Path(place), ("README.md",), folder)
    base = place if adapter is None else adapter.base
    sources = dict.fromkeys((*export.licences_from, Path(base), Path(place)))
    if not sum(_copy_files(source, LICENCES, folder) for source in sources):
        on_note("no licence file was found; add that of the base's page to the folder before you pass it on")


def _copy_files(source: Path, patterns: Sequence[str], folder: Path) -> int:
    """Copy the files of a folder with such names, if there is the folder; their number."""
    found = [path for pattern in patterns for path in sorted(source.glob(pattern)) if path.is_file()]
    for path in found:
        shutil.copy(path, folder)
    return len(found)


def files_of(folder: Path) -> list[tuple[str, int]]:
    """(name, bytes) of each file of a folder, in the order of names."""
    return [(path.name, path.stat().st_size) for path in sorted(folder.iterdir()) if path.is_file()]


def dtype_in(folder: Path) -> str:
    """The dtype of merged weights."""
    return str(read_json(folder / "config.json").get("dtype", "float32"))
