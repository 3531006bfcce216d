"""The memory of one GPU that `plan` foretells, from a model's shape alone: `python bench/forecast.py`.

The shapes are those of Qwen2.5, from 0.5B to 72B, with gradient checkpointing. No weights are needed, and nothing is
measured here; `bench/processes.py` holds the same forecast against measured peaks of smaller models on a CPU.
"""

from transformers import Qwen2Config

from posttrain.policy.memory import estimate, fitting_row
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.policy.shape import shape_of
from posttrain.stages.cost import MOMENTS

SHAPES = {
    "0.5B": (896, 24, 14, 2, 4864, 151936, True),
    "1.5B": (1536, 28, 12, 2, 8960, 151936, True),
    "7B": (3584, 28, 28, 4, 18944, 152064, False),
    "14B": (5120, 48, 40, 8, 13824, 152064, False),
    "32B": (5120, 64, 40, 8, 27648, 152064, False),
    "72B": (8192, 80, 64, 8, 29568, 152064, False),
}
"""Width, layers, query heads, key heads, inner width, vocabulary, tied."""

LORA = LoraOptions(rank=16)
FULL = PolicyOptions(gradient_checkpointing=True)
ADAPTER = PolicyOptions(gradient_checkpointing=True, lora=LORA)
FOUR_BITS = PolicyOptions(gradient_checkpointing=True, lora=LORA, quantization="4bit")
WAYS = {
    "all weights": (FULL, "adamw", 1),
    "all weights, adamw8bit": (FULL, "adamw8bit", 1),
    "all weights, 8 GPUs in shards": (FULL, "adamw", 8),
    "all weights, 64 GPUs in shards": (FULL, "adamw", 64),
    "LoRA": (ADAPTER, "adamw", 1),
    "LoRA, 8 GPUs in shards": (ADAPTER, "adamw", 8),
    "LoRA on 4 bits": (FOUR_BITS, "adamw", 1),
}


def config_of(name: str) -> Qwen2Config:
    """The configuration of a shape."""
    width, layers, heads, key_heads, inner, vocabulary, tied = SHAPES[name]
    return Qwen2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        intermediate_size=inner,
        vocab_size=vocabulary,
        tie_word_embeddings=tied,
    )


def main() -> None:
    """Print the table, in GiB."""
    print(f"| GiB of one GPU | {' | '.join(SHAPES)} |\n|---|{'---|' * len(SHAPES)}")
    shapes = {name: shape_of(config_of(name)) for name in SHAPES}
    for way, (options, optimizer, ranks) in WAYS.items():
        cells: list[str] = []
        for shape in shapes.values():
            row = fitting_row(shape.config, options, "cuda", narrow=True)
            memory = estimate(
                shape,
                options,
                row_tokens=row,
                scored=False,
                shards=ranks,
                narrow=True,
                moments=MOMENTS[optimizer],
                device="cuda",
            )
            cells.append(f"{sum(memory.values()) / 2**30:,.0f}")
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
