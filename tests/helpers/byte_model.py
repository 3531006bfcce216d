"""A random model that reads any text, byte by byte, with a chat template: small enough to train in a test."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = (
    "{{ '<s>' }}{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def save_byte_tokenizer(folder: Path, *, template: str | None = TEMPLATE) -> int:
    """Write the tokenizer; the number of its tokens."""
    marks = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE(vocab={piece: i for i, piece in enumerate(marks + alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(marks)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", chat_template=template
    )
    fast.save_pretrained(folder)
    return len(fast)


def save_byte_model(folder: Path, *, template: str | None = TEMPLATE, seed: int = 0, **shape: float) -> Path:
    """A Llama over bytes in `folder`, of two layers unless `shape` says otherwise."""
    vocabulary = save_byte_tokenizer(folder, template=template)
    torch.manual_seed(seed)
    values: dict[str, Any] = {
        **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 256},
        **{"num_attention_heads": 4, "num_key_value_heads": 2},
    }
    values |= {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, **shape}
    config = LlamaConfig(vocab_size=vocabulary, tie_word_embeddings=True, **values)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
