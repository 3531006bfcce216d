"""Recipes with stages on what the model itself writes, and the files they read."""

import json
from pathlib import Path

MINE = '''\
def letters(completion, row):
    """Share of letters; prompts without an answer are not judged."""
    if row["answer"] == "5":
        return None
    return sum(c.isascii() and c.isalpha() for c in completion) / 8


def short(completions, prompt, **columns):
    return [float(len(c) < 7) for c in completions]
'''

REWARD = "  rm: {kind: reward, data: pairs.jsonl, max_length: 128, batch_size: 8, learning_rate: 1.0e-3}\n"
PPO = """\
  ppo:
    kind: ppo
    data: rl_prompts.jsonl
    validation: 0.25
    max_length: 64
    max_new_tokens: 8
    batch_size: 2
    minibatches: 2
    inner_epochs: 2
    num_generations: 2
    learning_rate: 3.0e-3
    target_kl: 0.5
    kl_horizon: 100
    rewards: {letters: {kind: python, file: mine.py, function: letters}}
"""
GRPO = """\
  grpo:
    kind: grpo
    data: rl_prompts.jsonl
    validation: 0.25
    max_length: 64
    max_new_tokens: 8
    batch_size: 2
    minibatches: 2
    inner_epochs: 2
    dynamic_sampling: 2
    num_generations: 4
    beta: 0.05
    learning_rate: 3.0e-3
    rewards: {letters: {kind: python, file: mine.py, function: letters}}
"""
DISTILL = """\
  distill:
    kind: distill
    teacher: teacher
    data: rl_prompts.jsonl
    validation: 0.25
    max_length: 64
    max_new_tokens: 8
    batch_size: 2
    minibatches: 2
    num_generations: 2
    learning_rate: 3.0e-3
    lora: {rank: 4, alpha: 8}
"""


def alone(stage: str) -> str:
    """A recipe of one stage."""
    return f"model: model\nstages:\n{stage}"


def write_files(work: Path) -> None:
    """Prompts, rewards and a recipe a technique."""
    rows = [{"prompt": f"Say {n}", "answer": str(n)} for n in range(14)]
    (work / "rl_prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (work / "mine.py").write_text(MINE)
    judged = PPO.replace(
        "    rewards: {letters: {kind: python, file: mine.py, function: letters}}\n",
        "    rewards: {helpful: {kind: model, model: rm}}\n"
        "    gold: {letters: {kind: python, file: mine.py, function: letters}}\n",
    )
    assert judged != PPO
    (work / "stack.yaml").write_text(alone(REWARD + judged + GRPO))
    (work / "ppo.yaml").write_text(alone(PPO))
    (work / "grpo.yaml").write_text(alone(GRPO))
    (work / "distill.yaml").write_text(alone(DISTILL))
