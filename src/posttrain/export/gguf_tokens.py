"""The tokenizer in a GGUF file: byte-level BPE, whose rule for splitting a text llama.cpp knows by name."""

import json
from pathlib import Path
from typing import Any

import gguf

from posttrain.errors import InputError

WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""The split of the tokenizers of Qwen and Llama 3, which differ in the digits of a token."""

GPT2, DIGITS = "GPT-2's split", "each digit alone"

RULES: dict[tuple[str, ...], str] = {
    (GPT2,): "gpt-2",
    (DIGITS, GPT2): "smollm",
    (WORDS % r"\p{N}",): "qwen2",
    (WORDS % r"\p{N}{1,3}",): "llama-bpe",
}
"""The steps that split a text → llama.cpp's name of the rule."""


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, tokenizer: Any, vocabulary: int) -> None:
    """Add tokens, merges, special tokens and the chat template.

    Args:
        folder: of the model, with tokenizer.json.
        tokenizer: the tokenizer of transformers.
        vocabulary: rows of the embedding; ids without a token get a placeholder.

    Raises:
        InputError: llama.cpp would split texts in another way.
    """
    tokens, kinds = _tokens(tokenizer, vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(rule_of(json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=vocabulary).add_to_gguf(writer, quiet=True)


def rule_of(tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name of the rule by which a tokenizer splits a text before it merges bytes.

    Args:
        tokenizer: ``tokenizer.json``.

    Raises:
        InputError: it is no byte-level BPE, or its rule has no name here.
    """
    model, steps = tokenizer["model"], _steps(tokenizer.get("pre_tokenizer"))
    if model["type"] != "BPE" or model.get("byte_fallback") or steps not in RULES or not model.get("merges"):
        raise InputError(
            "--gguf: this tokenizer has no form in GGUF that posttrain writes: byte-level BPE with the splits "
            f"of {', '.join(RULES.values())}; export safetensors, without --gguf, and use llama.cpp's own converter"
        )
    return RULES[steps]


def _steps(rule: dict[str, Any] | None) -> tuple[str, ...]:
    """The steps that split a text; an empty text for a step that is not known."""
    match rule:
        case {"type": "Sequence", "pretokenizers": list(parts)}:
            return tuple(step for part in parts for step in _steps(part))
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": bool(split)}:
            return (GPT2,) if split else ()
        case {"type": "Digits", "individual_digits": True}:
            return (DIGITS,)
        case {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False}:
            return (pattern,)
        case _:
            return ("",)


def _tokens(tokenizer: Any, vocabulary: int) -> tuple[list[str], list[gguf.TokenType]]:
    """(text, type) of each id."""
    texts = {number: text for text, number in tokenizer.get_vocab().items()}
    added = tokenizer.added_tokens_decoder
    tokens = [texts.get(number, f"[PAD{number}]") for number in range(vocabulary)]
    kinds = [
        gguf.TokenType.UNUSED
        if number not in texts
        else gguf.TokenType.NORMAL
        if number not in added
        else gguf.TokenType.CONTROL
        if added[number].special
        else gguf.TokenType.USER_DEFINED
        for number in range(vocabulary)
    ]
    return tokens, kinds
