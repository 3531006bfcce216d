"""A model as one GGUF file, which transformers reads back before the file is trusted."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GenerationConfig

from posttrain.errors import InputError, RunError, first_line
from posttrain.export.merged import PROBE, check_same, tell_of_rounding, write_merged
from posttrain.export.options import DType, Export, GgufType
from posttrain.policy.tokenizer import load_tokenizer
from posttrain.policy.verify import folder_values

ROUNDING: dict[GgufType, DType] = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "q8_0": "bfloat16"}
"""Type → the dtype whose rounding is as coarse: 8 bits with a scale for 32 weights round about as bfloat16 does."""


def gguf_name(name: str, kind: GgufType) -> str:
    """The name of the file."""
    return f"{name}-{kind}.gguf"


def check_gguf_package() -> None:
    """Refuse an export that lacks the package of llama.cpp's writer.

    Raises:
        InputError: with the command that installs it.
    """
    if find_spec("gguf") is None:
        raise InputError("--gguf needs the package gguf; install it with: pip install 'posttrain[gguf]'")


def save_gguf(
    place: str, folder: Path, kind: GgufType, export: Export, *, name: str, on_note: Callable[[str], None]
) -> None:
    """Write all weights as one GGUF file, from merged weights in float32.

    Args:
        name: of the model, in the file and in the file's name.

    Raises:
        InputError: the model or its tokenizer has no form in GGUF here.
        RunError: transformers reads other values, tokens or another template from the file than from the model.
    """
    from posttrain.export.gguf_writer import write_gguf  # its package is optional

    merged, file = folder / "merged", folder / gguf_name(name, kind)
    probe = write_merged(place, merged, "float32", export, on_note)
    write_gguf(merged, file, kind, name)
    try:
        _check_tokenizer(file, merged, on_note)
        values = folder_values(
            folder, [probe.group], causal=True, dtype=torch.float32, trust_remote_code=False, gguf_file=file.name
        )
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise RunError(
            f"{place}: transformers cannot read the GGUF file back ({first_line(error)[:300]}); nothing was written. "
            "Export safetensors, without --gguf, and please report the model's architecture"
        ) from error
    check_same(place, values, probe, ROUNDING[kind], causal=True)
    tell_of_rounding(values, probe, f"to {kind}", "--gguf f32", on_note)
    shutil.rmtree(merged)


def _check_tokenizer(file: Path, merged: Path, on_note: Callable[[str], None]) -> None:
    """Compare the tokenizer that transformers reads from the file with that of training.

    Raises:
        RunError: tokens, the end token or the chat template differ.
    """
    ours = load_tokenizer(str(merged))
    theirs: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    text = _probe_text(ours)
    ids = ours(text, add_special_tokens=False)["input_ids"]
    same = {
        "tokens": ours.convert_ids_to_tokens(ids) == theirs.convert_ids_to_tokens(ids),
        "end token": ours.eos_token_id == theirs.eos_token_id,
        "chat template": ours.chat_template == theirs.chat_template,
    }
    if wrong := [name for name, equal in same.items() if not equal]:
        raise RunError(
            f"{file.name}: transformers reads other values from the GGUF file than from the model: {', '.join(wrong)}; "
            "nothing was written. Export safetensors, without --gguf, and please report the tokenizer"
        )
    if theirs(text, add_special_tokens=False)["input_ids"] != ids:
        on_note(
            "transformers splits a text into other tokens if it reads the tokenizer from the GGUF file, since its "
            "reader does not know this split; llama.cpp does. The tokens themselves are equal"
        )
    ends = GenerationConfig.from_pretrained(merged).eos_token_id
    more = [end for end in (ends if isinstance(ends, list) else []) if end != ours.eos_token_id]
    if more:
        on_note(
            f"a GGUF file names one end token, here {ours.eos_token}; training also ended answers with "
            f"{', '.join(map(str, ours.convert_ids_to_tokens(more)))}, so check that answers end where they should"
        )


def _probe_text(tokenizer: Any) -> str:
    """A text with the special tokens of the chat template, if there is a template."""
    if tokenizer.chat_template is None:
        return PROBE
    messages = [{"role": "user", "content": PROBE}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
