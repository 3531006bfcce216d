"""A recipe on a base in 4 bits with 8-bit moments, on a CPU: it runs from data to model folder, and comes again."""

from pathlib import Path

from command_line import Posttrain
from on_policy_recipes import write_files

KEYS = "lora: {rank: 4}, quantization: 4bit, optimizer: adamw8bit"
RECIPE = f"""\
model: model
stages:
  sft: {{kind: sft, data: train.jsonl, validation: 0.25, max_length: 128, batch_size: 8, {KEYS}}}
  grpo:
    {{kind: grpo, model: sft, data: rl_prompts.jsonl, max_length: 64, max_new_tokens: 6, batch_size: 4, max_steps: 2,
     num_generations: 2, rewards: {{short: {{kind: length, free: 3, margin: 4}}}}, {KEYS}}}
"""


def test_stages_on_a_base_in_4_bits_save_what_they_trained_and_come_again(work: Path, posttrain: Posttrain) -> None:
    write_files(work)
    (work / "four.yaml").write_text(RECIPE)
    for out in ("a", "b"):
        answer = posttrain("run", "four.yaml", "--out", out)
        assert answer.code == 0, answer.err
        assert "kernels" not in answer.err, "no library's warning is on the screen"
    for stage in ("sft", "grpo"):
        first, second = (Path(out) / f"stages/{stage}/model/adapter_model.safetensors" for out in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()
