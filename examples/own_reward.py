"""GRPO with a reward of one's own: a function of this program."""

import json
from pathlib import Path

import posttrain as pt

BASE = Path(pt.__file__).parent / "demo/base"

prompts = [{"prompt": f"Write a note about patient {n}."} for n in range(8)]
Path("prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts))


@pt.reward
def brevity(completion: str, row: dict[str, object]) -> float:
    """1 for an empty answer, 0 for one of 60 characters or more."""
    return max(0.0, 1 - len(completion) / 60)


grpo = {
    "kind": "grpo",
    "precision": "float32",
    "data": "prompts.jsonl",
    "rewards": {"brevity": {"kind": "registered", "function": "brevity"}},
    "num_generations": 4,
    "max_new_tokens": 16,
    "batch_size": 4,
    "max_steps": 2,
    "learning_rate": 1e-3,
}
run = pt.run({"model": BASE, "stages": {"grpo": grpo}}, out="runs/brevity")
print(run)
print([line["reward"] for line in run["grpo"].log() if line["split"] == "train"])
