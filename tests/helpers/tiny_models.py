"""Tiny random models of many architectures, saved as real folders, so that tests load them as users do."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
)

from posttrain.core.group import Group
from posttrain.core.packing import Batch
from structures import VOCABULARY, random_group

Settings = dict[str, Any]

COMMON: Settings = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
GPT2: Settings = {
    "vocab_size": VOCABULARY,
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 128,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
LONGROPE: Settings = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "short_factor": [1.0] * 4,
    "long_factor": [4.0] * 4,
}
CONTEXT = 12
"""Tokens up to which the short factors hold."""

BRANCHING: dict[str, Settings] = {
    "llama": {"model_type": "llama", **COMMON},
    "llama, tied": {"model_type": "llama", **COMMON, "tie_word_embeddings": True},
    "mistral, window 4": {"model_type": "mistral", **COMMON, "head_dim": 8, "sliding_window": 4},
    "qwen2": {"model_type": "qwen2", **COMMON},
    "qwen2, window 4 in some layers": {
        "model_type": "qwen2",
        **COMMON,
        "use_sliding_window": True,
        "max_window_layers": 1,
        "sliding_window": 4,
    },
    "qwen3": {"model_type": "qwen3", **COMMON, "head_dim": 8},
    "gemma": {"model_type": "gemma", **COMMON, "head_dim": 8},
    "gemma2": {"model_type": "gemma2", **COMMON, "head_dim": 8, "sliding_window": 4, "query_pre_attn_scalar": 8},
    "gemma3": {
        "model_type": "gemma3_text",
        **COMMON,
        "head_dim": 8,
        "sliding_window": 4,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "phi3": {"model_type": "phi3", **COMMON},
    "phi3, window 4": {"model_type": "phi3", **COMMON, "sliding_window": 4},
    "phi3, longrope": {
        "model_type": "phi3",
        **COMMON,
        "rope_parameters": LONGROPE,
        "original_max_position_embeddings": CONTEXT,
    },
    "gpt2": {"model_type": "gpt2", **GPT2},
    "gpt_neox": {"model_type": "gpt_neox", **COMMON},
    "opt": {"model_type": "opt", **COMMON, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "cohere": {"model_type": "cohere", **COMMON, "logit_scale": 0.25},
    "granite": {"model_type": "granite", **COMMON, "logits_scaling": 4.0, "attention_multiplier": 0.3},
}
"""Architectures whose completions can share a prompt."""

LONE: dict[str, Settings] = {
    "bloom (ALiBi)": {"model_type": "bloom", **COMMON},
    "mpt (ALiBi)": {
        "model_type": "mpt",
        "vocab_size": VOCABULARY,
        "d_model": 32,
        "n_heads": 4,
        "n_layers": 2,
        "max_seq_len": 128,
        "initializer_range": 0.3,
        "logit_scale": "inv_sqrt_d_model",
    },
    "falcon_h1 (attention and state space)": {
        "model_type": "falcon_h1",
        **COMMON,
        "head_dim": 8,
        "lm_head_multiplier": 0.5,
        "mamba_d_ssm": 32,
        "mamba_n_heads": 4,
        "mamba_d_head": 8,
        "mamba_d_state": 8,
    },
    "mamba (state space)": {
        "model_type": "mamba",
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "state_size": 4,
        "initializer_range": 0.3,
    },
    "lfm2 (convolutions)": {
        "model_type": "lfm2",
        **COMMON,
        "layer_types": ["conv", "full_attention", "conv"],
    },
    "gptj (attention of its own)": {"model_type": "gptj", **GPT2, "rotary_dim": 4},
    "codegen (attention of its own)": {"model_type": "codegen", **GPT2, "rotary_dim": 4},
    "llama4 (chunks in its mask)": {
        "model_type": "llama4_text",
        **COMMON,
        "head_dim": 8,
        "attention_chunk_size": 16,
        "num_local_experts": 2,
        "intermediate_size_mlp": 48,
    },
    "qwen2_moe (window in its mask)": {
        "model_type": "qwen2_moe",
        **COMMON,
        "use_sliding_window": True,
        "max_window_layers": 3,
        "sliding_window": 16,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
    },
}
"""Architectures that need a row per completion; windows and chunks are wider than the probe's text."""


def save_tokenizer(folder: Path, *, tokens: int = 34) -> None:
    """Letters, with an end token that is also the pad token."""
    letters = {"<s>": 0, "</s>": 1, "<unk>": 2}
    for number in range(tokens - 3):
        letters[chr(ord("a") + number)] = 3 + number
    tokenizer = Tokenizer(BPE(vocab=letters, merges=[], unk_token="<unk>"))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    ).save_pretrained(folder)


def save_model(folder: Path, settings: Settings, *, auto: Any = AutoModelForCausalLM, seed: int = 0) -> str:
    """A model folder with random weights, norms and biases included."""
    config = AutoConfig.for_model(**deepcopy(settings))  # some change their arguments
    torch.manual_seed(seed)
    model = auto.from_config(config).float()
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2 and not name.endswith(("A_log", ".D")):
            torch.nn.init.normal_(parameter, 1.0 if "norm" in name or "ln" in name else 0.0, 0.2)
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return str(folder)


def save_scored(folder: Path, settings: Settings) -> str:
    """A reward model: the same model with a random scalar head."""
    return save_model(folder, {**settings, "num_labels": 1}, auto=AutoModelForSequenceClassification)


def plain(folder: str, auto: Any = AutoModelForCausalLM, implementation: str | None = "eager") -> Any:
    """The reference: transformers' own model with its own attention, in float32."""
    return auto.from_pretrained(folder, attn_implementation=implementation, dtype=torch.float32).eval()


def groups_of(rng: Any, *, end: int | None = None) -> list[Group]:
    """Groups of one to four completions, some longer than every window, some of a single token."""
    some = [
        random_group(rng, prompt, lengths)
        for prompt, lengths in ((9, (5, 12, 1)), (3, (20,)), (1, (2, 2)), (14, (7, 8, 9, 3)))
    ]
    if end is not None:
        for group in some:
            for completion in group.completions:
                completion.tokens[-1] = end
    return some


def texts_in(batch: Batch) -> list[Tensor]:
    """Each completion after its prompt."""
    return [batch.tokens_T[[*range(*b.prompt), *range(*b.own)]] for b in batch.branches]


def one_by_one(model: Any, batch: Batch, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies of the loss tokens from full logits, one text a call."""
    logp: list[Tensor] = []
    entropy: list[Tensor] = []
    for number, text in enumerate(texts_in(batch)):
        logits = model(input_ids=text[None], attention_mask=torch.ones_like(text)[None], use_cache=False).logits[0]
        every = (logits.float() / temperature).log_softmax(-1)
        own = batch.completion_N == number
        every = every[batch.position_T[batch.predictor_N[own]]]
        logp.append(every.gather(1, batch.target_N[own][:, None])[:, 0])
        entropy.append(-(every.exp() * every).sum(-1))
    return torch.cat(logp), torch.cat(entropy)


def gradients(model: Any, loss: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Gradient of every parameter that the loss reaches, by name."""
    model.zero_grad(set_to_none=True)
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            yield name, parameter.grad.clone()


def assert_same_gradients(
    found: Sequence[tuple[str, Tensor]], expected: Sequence[tuple[str, Tensor]], tolerance: float = 1e-4
) -> None:
    """Compare norms parameter by parameter; a gradient of rounding alone is compared with the largest one."""
    assert [name for name, _ in found] == [name for name, _ in expected]
    largest = max(float(gradient.norm()) for _, gradient in expected)
    assert largest > 0
    for (name, a), (_, b) in zip(found, expected, strict=True):
        off = float((a - b).norm())
        assert off <= tolerance * max(float(b.norm()), 1e-3 * largest), f"{name}: off by {off / float(b.norm()):.1e}"
