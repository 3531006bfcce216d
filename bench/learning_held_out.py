"""Held-out measures of a run's weights, in plain transformers: neither side's forward pass, the same for both.

`python bench/learning_held_out.py TASK` prints, for each side, measure, seed and step, a value for each held-out item.
An item's value is (total, count): a measure is the sum of totals over the sum of counts.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from learning_data import BETA, END, NEW_TOKENS, PAD, SAMPLES, SIDES, Row, Task, held_out, story_reward, task_from
from learning_ppo import KL, reward_model
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

BATCH = 32

Items = dict[str, list[tuple[float, float]]]
"""Measure → (total, count) of each item."""


def load_into(model: Any, path: Path) -> None:
    """Give the model the saved weights; each of its parameters must be among them."""
    saved = load_file(path)
    model.load_state_dict(saved, strict=False)
    own = {name for name, _ in model.named_parameters()}
    assert own == set(saved), f"{path}: {own ^ set(saved)}"


def padded(rows: Sequence[list[int]], left: bool = False) -> tuple[Tensor, Tensor]:
    """Ids and mask of rows of different lengths."""
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), PAD)
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for n, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[n, place], mask[n, place] = torch.tensor(row), 1
    return ids, mask


def batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Rows, a few at a time."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def log_probs(model: Any, rows: Sequence[Row], part: str) -> Tensor:
    """The log-probability of each row's completion."""
    sums: list[Tensor] = []
    for batch in batches(rows):
        ids, mask = padded([row["prompt"] + row[part] for row in batch])
        logp = model(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
        token = logp.gather(-1, ids[:, 1:, None])[..., 0]
        place = torch.arange(1, ids.shape[1])
        first = torch.tensor([len(row["prompt"]) for row in batch])
        sums.append((token * ((place >= first[:, None]) & (mask[:, 1:] == 1))).sum(-1))
    return torch.cat(sums)


def pair_items(margins: Tensor, names: Sequence[str]) -> Items:
    """Loss and accuracy of pairs."""
    loss, right = -logsigmoid(margins), (margins > 0).double() + 0.5 * (margins == 0).double()
    return {name: [(v, 1.0) for v in values.tolist()] for name, values in zip(names, (loss, right), strict=True)}


def sampled(model: Any, rows: Sequence[Row], each: int) -> list[list[int]]:
    """Sampled completions, `each` of a prompt one after the other: token ids up to the end token."""
    ids, mask = padded([row["prompt"] for row in rows for _ in range(each)], left=True)
    found = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=NEW_TOKENS,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    texts = found[:, ids.shape[1] :].tolist()
    return [text[: text.index(END) + 1] if END in text else text for text in texts]


def summed(values: Sequence[float]) -> list[tuple[float, float]]:
    """The items of prompts from the values of their samples."""
    return [(sum(values[i : i + SAMPLES]), SAMPLES) for i in range(0, len(values), SAMPLES)]


def written(model: Any, tokenizer: Any, rows: Sequence[Row], seed: int) -> tuple[list[Row], list[float]]:
    """Sampled completions of each prompt, and the rule's reward of each."""
    torch.manual_seed(seed)
    repeated = [row for row in rows for _ in range(SAMPLES)]
    completions = sampled(model, rows, SAMPLES)
    texts = tokenizer.batch_decode(completions, skip_special_tokens=True)
    rewards = [story_reward(text, row["word"]) for text, row in zip(texts, repeated, strict=True)]
    return [{**row, "completion": ids} for row, ids in zip(repeated, completions, strict=True)], rewards


def scores_of(model: Any, rows: Sequence[Row], part: str) -> Tensor:
    """The scalar head's value at the last token of each row."""
    inputs = (padded([row["prompt"] + row[part] for row in batch]) for batch in batches(rows))
    return torch.cat([model(input_ids=ids, attention_mask=mask).logits[:, 0] for ids, mask in inputs])


def ppo_measure(task: Task, model: Any, rows: list[Row]) -> Callable[[int], Items]:
    """PPO's own objective of sampled completions, its KL, and the rule's reward, which the reward model stands for."""
    tokenizer = AutoTokenizer.from_pretrained(task.model)
    start = AutoModelForCausalLM.from_pretrained(task.model).eval()
    judge = AutoModelForSequenceClassification.from_pretrained(reward_model(task.folder), num_labels=1).eval()

    def measure(seed: int) -> Items:
        own, rewards = written(model, tokenizer, rows, seed)
        kl = log_probs(model, own, "completion") - log_probs(start, own, "completion")
        objective = scores_of(judge, own, "completion") - KL * kl
        values = (objective.tolist(), kl.tolist(), rewards)
        return {name: summed(each) for name, each in zip(task.plan.measures, values, strict=True)}

    return measure


def measure_of(task: Task, model: Any, rows: list[Row]) -> Callable[[int], Items]:
    """seed → the technique's measures of the model as it is then."""
    measures = task.plan.measures
    if task.technique == "sft":
        counts = [len(row["completion"]) for row in rows]
        return lambda seed: {
            measures[0]: [(-v, n) for v, n in zip(log_probs(model, rows, "completion").tolist(), counts, strict=True)]
        }
    if task.technique == "dpo":

        def ratio() -> Tensor:
            return log_probs(model, rows, "chosen") - log_probs(model, rows, "rejected")

        start = ratio()
        return lambda seed: pair_items(BETA * (ratio() - start), measures)
    if task.technique == "reward":
        return lambda seed: pair_items(scores_of(model, rows, "chosen") - scores_of(model, rows, "rejected"), measures)
    if task.technique == "ppo":
        return ppo_measure(task, model, rows)
    tokenizer = AutoTokenizer.from_pretrained(task.model)
    return lambda seed: {measures[0]: summed(written(model, tokenizer, rows, seed)[1])}


@torch.no_grad()
def main() -> None:
    task = task_from(sys.argv[1])
    rows = held_out(Path(task.folder), task.plan)[: 16 if task.quick else None]
    if task.technique == "reward":
        model: Any = AutoModelForSequenceClassification.from_pretrained(task.model, num_labels=1)
    else:
        model = AutoModelForCausalLM.from_pretrained(task.model)
    model.eval()
    measure = measure_of(task, model, rows)
    found: dict[str, dict[str, list[list[Any]]]] = {}
    for side in SIDES[task.technique]:
        per_seed: dict[str, list[list[Any]]] = {name: [[] for _ in task.seeds] for name in task.plan.measures}
        for n, seed in enumerate(task.seeds):
            for step in task.plan.saved:
                load_into(model, task.weights(seed, step, side))
                for name, items in measure(seed).items():
                    per_seed[name][n].append(items)
        found[side] = per_seed
    print(json.dumps(found))


if __name__ == "__main__":
    main()
