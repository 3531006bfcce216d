"""Pre-train the demo's base model on the world's raw text: ``python -m posttrain.demo.pretrain OUT``.

Writes the folder that ships as ``demo/base``: a Llama of 1.4M parameters in bfloat16 safetensors with its tokenizer.
The result is deterministic for one machine and one number of threads. Two cores need about 15 minutes. After an
interruption the same command resumes.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from posttrain.console import Screen
from posttrain.core import attention
from posttrain.core.group import Completion, Group
from posttrain.demo import drafts, use_requests, wordings
from posttrain.demo.initial import prime_copying
from posttrain.demo.prose import documents
from posttrain.demo.tokenizer import CONTEXT, train_tokenizer
from posttrain.objectives.sft import SFT
from posttrain.policy.load import Policy
from posttrain.train.batches import DatasetBatches
from posttrain.train.loop import Callbacks, Training, train_policy
from posttrain.train.options import TrainOptions

VOCABULARY = 1280
TOKENIZER_DOCUMENTS = 30_000
DOCUMENTS = 54_000
OPTIONS = TrainOptions(
    batch_tokens=2048, learning_rate=2e-3, warmup=0.03, weight_decay=0.05, betas=(0.9, 0.98), keep_checkpoints=1
)
SEED = 20_000
"""The seed of base model and tokenizer. It does not depend on the demo's seed, which draws the rows of the stages."""


def fresh_model(tokenizer: Any) -> Any:
    """An untrained Llama."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        intermediate_size=416,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        initializer_range=0.05,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    prime_copying(model)
    model.set_attn_implementation(attention.register_branching_attention())
    return model


def base_tokenizer() -> Any:
    """The tokenizer, trained on the raw text and on the stock sentences of the later stages."""
    stock = [*chain(*wordings.WORDINGS.values()), *use_requests.WORDINGS, *drafts.NEUTRAL, *drafts.PROMISES]
    return train_tokenizer(chain(islice(documents(SEED + 1), TOKENIZER_DOCUMENTS), stock * 50), VOCABULARY)


def document_groups(tokenizer: Any, count: int) -> Iterator[Group]:
    """Documents as groups: the begin token is the prompt, and all tokens after it are loss tokens."""
    begin = np.array([tokenizer.bos_token_id], dtype=np.int32)
    for number, text in enumerate(islice(documents(SEED), count)):
        ids = [*tokenizer(text, add_special_tokens=False)["input_ids"][: CONTEXT - 2], tokenizer.eos_token_id]
        tokens = np.array(ids, dtype=np.int32)
        yield Group(f"document {number}", begin, (Completion(tokens, np.ones(len(ids), dtype=np.bool_)),))


def pretrain(policy: Policy, documents: list[Group], folder: Path) -> None:
    """Train one epoch over the documents in their order, with the training loop of all stages."""
    source = DatasetBatches(
        documents,
        [group.size for group in documents],
        lambda epoch: range(len(documents)),
        batch_tokens=OPTIONS.batch_tokens,
    )
    training = Training(policy, source, SFT, OPTIONS, folder)
    policy.model.train()
    with Screen().bar("pre-training", training.steps) as advance:
        train_policy(
            training, Callbacks(on_step=lambda step, total, values: advance(step, f"loss {values['loss']:.3f}"))
        )


def save_base(policy: Policy, out: Path) -> None:
    """Save weights in bfloat16, tokenizer, template and generation settings in the Hugging Face format."""
    tokenizer = policy.tokenizer
    policy.model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    settings = out / "tokenizer_config.json"
    values = json.loads(settings.read_text())
    # All releases of transformers know this class name, and other tools look for it.
    settings.write_text(json.dumps(values | {"tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n")
    GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
    ).save_pretrained(out)


def write_base() -> None:
    """Train the base model and write its folder."""
    parser = argparse.ArgumentParser(description="Pre-train the demo's base model.")
    parser.add_argument("out", type=Path, help="folder to write; the training state is in a folder beside it")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="number of documents to train on")
    arguments = parser.parse_args()
    tokenizer = base_tokenizer()
    policy = Policy(fresh_model(tokenizer), tokenizer, "causal", True, None, (tokenizer.eos_token_id,))
    out: Path = arguments.out
    pretrain(policy, list(document_groups(tokenizer, arguments.documents)), out.with_name(out.name + "-training"))
    save_base(policy, out)


if __name__ == "__main__":
    write_base()
