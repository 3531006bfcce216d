"""Pre-train the demo's base model on the world's raw text: ``python -m posttrain.demo.pretrain OUT``.

Writes the folder that ships as ``demo/base``: a Llama of 1.4M parameters in bfloat16 safetensors with its
tokenizer. Deterministic for one machine and number of threads; a quarter of an hour on two cores. Started again
after an interruption it goes on where it was.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posttrain.console import Screen
from posttrain.core import attention
from posttrain.core.group import Completion, Group
from posttrain.demo import asks, drafts, instructions
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
"""Base model and tokenizer are one world; the demo's seeds draw the rows of its stages."""


def fresh_model(tokenizer: Any) -> Any:
    """A Llama that has read nothing yet."""
    from transformers import LlamaConfig, LlamaForCausalLM

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
    """The tokenizer: from the raw text and the stock sentences of the later stages, whose words it then knows."""
    stock = [*chain(*instructions.WORDINGS.values()), *asks.WORDINGS, *drafts.NEUTRAL, *drafts.PROMISES]
    return train_tokenizer(chain(islice(documents(SEED + 1), TOKENIZER_DOCUMENTS), stock * 50), VOCABULARY)


def groups(tokenizer: Any, count: int) -> Iterator[Group]:
    """Documents as groups: the begin token is the prompt, everything after it bears loss."""
    begin = np.array([tokenizer.bos_token_id], dtype=np.int32)
    for number, text in enumerate(islice(documents(SEED), count)):
        ids = [*tokenizer(text, add_special_tokens=False)["input_ids"][: CONTEXT - 2], tokenizer.eos_token_id]
        tokens = np.array(ids, dtype=np.int32)
        yield Group(f"document {number}", begin, (Completion(tokens, np.ones(len(ids), dtype=np.bool_)),))


def train(policy: Policy, documents: list[Group], folder: Path) -> None:
    """One pass over the documents in their order, by the same loop as every other stage."""
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


def save(policy: Policy, out: Path) -> None:
    """Weights in bfloat16, tokenizer, template and generation settings, as any Hugging Face tool reads them."""
    from transformers import GenerationConfig

    tokenizer = policy.tokenizer
    policy.model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    settings = out / "tokenizer_config.json"
    written = json.loads(settings.read_text())
    # The name every release of transformers knows, and tools outside it look for.
    settings.write_text(json.dumps(written | {"tokenizer_class": "PreTrainedTokenizerFast"}, indent=2) + "\n")
    GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
    ).save_pretrained(out)


def main() -> None:
    """Train and write the base."""
    parser = argparse.ArgumentParser(description="Pre-train the demo's base model.")
    parser.add_argument("out", type=Path, help="folder to write; its training state lies beside it")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="how many to read")
    arguments = parser.parse_args()
    tokenizer = base_tokenizer()
    policy = Policy(fresh_model(tokenizer), tokenizer, "causal", True, None, (tokenizer.eos_token_id,))
    out: Path = arguments.out
    train(policy, list(groups(tokenizer, arguments.documents)), out.with_name(out.name + "-training"))
    save(policy, out)


if __name__ == "__main__":
    main()
