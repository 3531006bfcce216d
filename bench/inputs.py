"""What both sides are given: a random model's folder and rows of token ids, so that neither tokenises.

`python bench/inputs.py SHAPE FOLDER` writes ``model/``, ``scored/`` (the same body under a scalar head),
``sft.json`` and ``pairs.json``. Data comes from the folder that POSTTRAIN_TEST_DATA names.
"""

import gzip
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "llama-8.5m": {
        "what": "Llama, 8.5M parameters: vocabulary 32,064 (Phi-3's tokenizer), tied; hidden 192, 5 layers, 6 heads",
        "class": "llama",
        "tokenizer": "phi-3-mini-128k-instruct",
        "pad_token": "<unk>",
        "config": {
            "vocab_size": 32064,
            "hidden_size": 192,
            "intermediate_size": 560,
            "num_hidden_layers": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "max_position_embeddings": 2048,
        },
    },
    "smollm2-135m": {
        "what": "SmolLM2-135M's shape, random weights: vocabulary 49,152, tied; hidden 576, 30 layers, 9/3 heads",
        "class": "llama",
        "tokenizer": "smollm2",
        "pad_token": "<|im_end|>",
        "dtype": "bfloat16",  # of its weights as published
        "config": {
            "vocab_size": 49152,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "max_position_embeddings": 8192,
            "rope_theta": 1e5,
        },
    },
    "qwen2.5-0.5b": {
        "what": "Qwen2.5-0.5B's shape, random weights: vocabulary 151,936, tied; hidden 896, 24 layers, 14/2 heads",
        "class": "qwen2",
        "tokenizer": "qwen2.5-0.5b-instruct",
        "pad_token": "<|endoftext|>",
        "dtype": "bfloat16",  # of its weights as published
        "config": {
            "vocab_size": 151936,
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "max_position_embeddings": 32768,
            "rope_theta": 1e6,
        },
    },
}
MAX_LENGTH = 1024
"""TRL's default; no row of the two data sets' first rows is longer, so neither side cuts any."""

MARK = "\n\nAssistant:"


def weights_of_layers(config: Mapping[str, int]) -> int:
    """The number of weights in the linear layers of a Llama or Qwen2, without its head."""
    width = config["hidden_size"]
    kv = width * config["num_key_value_heads"] // config["num_attention_heads"]
    return config["num_hidden_layers"] * (2 * width * (width + kv) + 3 * width * config["intermediate_size"])


def data_folder() -> Path:
    """Where the real data lies."""
    if "POSTTRAIN_TEST_DATA" not in os.environ:
        sys.exit("bench: set POSTTRAIN_TEST_DATA to the folder of real data sets")
    return Path(os.environ["POSTTRAIN_TEST_DATA"])


def write(shape: str, folder: Path) -> None:
    """Generate all inputs of one model shape."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    spec = SHAPES[shape]
    tokenizer: Any = AutoTokenizer.from_pretrained(_tokenizer_folder(spec["tokenizer"]))
    tokenizer.pad_token = spec["pad_token"]
    config = AutoConfig.for_model(
        spec["class"],
        **spec["config"],
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    config.num_labels = 1
    scored = AutoModelForSequenceClassification.from_config(config)
    scored.model.load_state_dict(model.model.state_dict())
    for name, made in (("model", model), ("scored", scored)):
        made.to(getattr(torch, spec.get("dtype", "float32"))).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)

    def ids(text: str, end: bool) -> list[int]:
        tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*tokens, tokenizer.eos_token_id] if end else tokens

    instructions = [
        {
            "prompt": ids(f"{row['instruction']}\n{row['input']}".strip() + "\n", end=False),
            "completion": ids(row["output"], end=True),
        }
        for row in _rows("instruct/alpaca_en_demo.jsonl.gz")
    ]
    pairs = [
        {
            "prompt": ids(row["chosen"][: _border(row["chosen"])], end=False),
            "chosen": ids(row["chosen"][_border(row["chosen"]) :], end=True),
            "rejected": ids(row["rejected"][_border(row["rejected"]) :], end=True),
        }
        for row in _rows("preference/hh_rlhf_helpful_base_test.jsonl.gz")
        if row["chosen"][: _border(row["chosen"])] == row["rejected"][: _border(row["rejected"])]
    ]
    for name, rows in (("sft", instructions), ("pairs", pairs)):
        fitting = [row for row in rows if len(row["prompt"]) + max(map(len, list(row.values())[1:])) <= MAX_LENGTH]
        (folder / f"{name}.json").write_text(json.dumps(fitting))


def _tokenizer_folder(name: str) -> Path:
    if name == "smollm2":
        from posttrain.demo.real.model import real_model

        return real_model(lambda note: print(note, file=sys.stderr))
    return data_folder() / "tokenizers" / name


def _rows(path: str) -> list[dict[str, str]]:
    with gzip.open(data_folder() / path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _border(transcript: str) -> int:
    """Where the last assistant turn of an HH-RLHF transcript begins."""
    return transcript.rindex(MARK) + len(MARK)


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
