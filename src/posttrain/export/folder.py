"""Writes the folder: weights that give the same values as the model they come from, and what goes beside them."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from posttrain.errors import InputError
from posttrain.export.gguf import check_gguf_package, save_gguf
from posttrain.export.merged import save_merged, scores
from posttrain.export.options import Export
from posttrain.files import read_json, seal, whole_folder, write_json
from posttrain.policy.hub_names import cached_folder
from posttrain.policy.lora.folder import AdapterFolder, adapter_in

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
    if export.gguf is not None:
        check_gguf_package()
    adapter = adapter_in(place)
    if export.adapter and adapter is None:
        raise InputError(f"--adapter: {place} is a complete model, no adapter; leave the flag out")
    if export.gguf is not None and scores(place, trust_remote_code=export.trust_remote_code):
        raise InputError(f"--gguf: {place} is a reward model, whose head has no place in a GGUF file; leave --gguf out")
    with whole_folder(target) as folder:
        if adapter is not None and export.adapter:
            _copy_adapter(adapter, folder, export.base)
        elif export.gguf is not None:
            save_gguf(place, folder, export.gguf, export, name=target.name, on_note=on_note)
        else:
            save_merged(place, folder, export, on_note)
        _add_texts(place, adapter, folder, export, on_note)
        seal(folder)


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
    sources = dict.fromkeys((*export.licences_from, base, place))
    folders = [Path(source) if Path(source).is_dir() else cached_folder(source) for source in sources]
    if not sum(_copy_files(source, LICENCES, folder) for source in folders if source is not None):
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
