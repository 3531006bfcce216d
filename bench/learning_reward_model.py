"""The reward model of PPO in `learning.py`, in plain transformers: `python bench/learning_reward_model.py TASK`.

The start model writes completions of the training prompts. Those of one prompt with different rewards of the rule make
pairs, and the loss is Bradley-Terry's. The model reads the score at the last token of a completion. The program prints
the accuracy on completions of the held-out prompts.
"""

import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from learning_data import GROUP, Row, Task, held_out, in_order, story_reward, task_from
from learning_held_out import batches, padded, sampled
from learning_ppo import reward_model
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

EPOCHS, PAIRS, RATE = 1, 16, 1e-3
"""Passes over the pairs, pairs of a step, learning rate."""

Pair = tuple[list[int], list[int]]
"""The better text and the other one."""


def distinct(rows: Sequence[Row]) -> list[Row]:
    """Each prompt once."""
    return list({row["text"]: row for row in rows}.values())


@torch.no_grad()
def pairs_of(writer: Any, tokenizer: Any, rows: Sequence[Row]) -> list[Pair]:
    """The pairs of a prompt's completions whose rewards differ."""
    found: list[Pair] = []
    texts = [ids for batch in batches(rows) for ids in sampled(writer, batch, GROUP)]
    for n, row in enumerate(rows):
        own = texts[n * GROUP : (n + 1) * GROUP]
        rewards = [story_reward(tokenizer.decode(ids, skip_special_tokens=True), row["word"]) for ids in own]
        for (ids, first), (others, second) in combinations(zip(own, rewards, strict=True), 2):
            if abs(first - second) > 1e-6:
                better, worse = (ids, others) if first > second else (others, ids)
                found.append((row["prompt"] + better, row["prompt"] + worse))
    return found


def margins(model: Any, pairs: Sequence[Pair]) -> Tensor:
    """The score of the better text minus that of the other."""
    ids, mask = padded([pair[side] for side in (0, 1) for pair in pairs])
    scores = model(input_ids=ids, attention_mask=mask).logits[:, 0]
    return scores[: len(pairs)] - scores[len(pairs) :]


def train(model: Any, pairs: Sequence[Pair]) -> None:
    """Adapt the model to the pairs, in an order of its own in each pass."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    steps = EPOCHS * (len(pairs) // PAIRS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(pairs)).tolist()
        for start in range(0, len(pairs) - PAIRS + 1, PAIRS):
            loss = -logsigmoid(margins(model, [pairs[i] for i in order[start : start + PAIRS]])).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()


@torch.no_grad()
def accuracy(model: Any, pairs: Sequence[Pair]) -> float:
    """The share of pairs in which the better text has the higher score."""
    right = torch.cat([margins(model, batch) > 0 for batch in batches(pairs)])
    return float(right.double().mean())


def main() -> None:
    task: Task = task_from(sys.argv[1])
    folder = Path(task.folder)
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(task.model)
    writer = AutoModelForCausalLM.from_pretrained(task.model)
    learnt, others = (
        pairs_of(writer, tokenizer, distinct(rows))
        for rows in (in_order(folder, task.plan, 0), held_out(folder, task.plan))
    )
    model = AutoModelForSequenceClassification.from_pretrained(task.model, num_labels=1)
    train(model, learnt)
    target = reward_model(task.folder)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    print(f"reward model: {len(learnt)} pairs; held-out accuracy {accuracy(model, others):.3f} of {len(others)}")


if __name__ == "__main__":
    main()
