"""What both sides of `learning.py` are given: the model, the rows as token ids, and the order of each seed."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from inputs import MARK, _border, _rows, data_folder

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """The settings of one technique, equal on both sides.

    Args:
        data: the file of the rows, without suffix.
        updates: optimiser steps.
        batch_size: rows, pairs or prompts of a step.
        every: steps between two measured weights.
        measures: the names of the held-out measures; the first is the objective's own.
        epochs: optimiser steps on the same rows, one after the other.
    """

    technique: str
    data: str
    updates: int
    batch_size: int
    learning_rate: float
    every: int
    measures: tuple[str, ...]
    epochs: int = 1

    @property
    def saved(self) -> list[int]:
        """The steps after which the weights are measured."""
        return list(range(0, self.updates + 1, self.every))


PLANS = {
    plan.technique: plan
    for plan in (
        Plan("sft", "instructions", 48, 8, 1e-3, 8, ("loss (nats a token)",)),
        Plan("dpo", "pairs", 40, 8, 3e-5, 8, ("loss (nats a pair)", "accuracy")),
        Plan("reward", "pairs", 40, 8, 2e-4, 8, ("loss (nats a pair)", "accuracy")),
        Plan("grpo", "prompts", 20, 8, 5e-4, 4, ("reward",)),
        Plan("ppo", "prompts", 48, 32, 3e-4, 12, ("score minus 0.05 KL", "KL (nats)", "reward of the rule"), 4),
    )
}
SIDES = {
    "sft": ("posttrain", "trl"),
    "dpo": ("posttrain", "trl"),
    "reward": ("posttrain", "trl", "posttrain-head"),
    "grpo": ("posttrain", "trl"),
    "ppo": ("posttrain", "trl"),
}
"""A reward model's head is new: both sides draw it at random. "posttrain-head" starts from TRL's."""

BETA = 0.1
"""DPO's."""

GROUP, NEW_TOKENS, SAMPLES = 8, 48, 4
"""GRPO: completions of a prompt, tokens of a completion, and sampled completions of a held-out prompt."""

END, PAD = 1, 0
"""The model was trained on stories with ``<s>`` between them, and never saw ``</s>``."""

HELD_OUT = {"instructions": 96, "pairs": 192, "prompts": 64}
LONGEST = {"instructions": 256, "pairs": 192}
"""Tokens of a row or of each side of a pair, at most."""

NAMES = ("Lily", "Tom", "Max", "Ben", "Sue", "Tim", "Mia", "Sam")
THINGS = ("ball", "doll", "car", "hat", "book", "cake", "kite", "boat")
THINGS += ("drum", "box", "cup", "bag", "bike", "toy", "shirt", "flower")
OPENINGS = (
    "Once upon a time, {name} had a new {thing}. One day,",
    "One day, {name} found a {thing} in the park. {name}",
)
SENTENCE = re.compile(r"[^.!?]+[.!?]")


def quicker(plan: Plan) -> Plan:
    """A plan of a few steps, to see that both sides work."""
    return replace(plan, updates=8, every=4)


def story_reward(completion: str, word: str) -> float:
    """The mean of three properties: the story uses the word, somebody speaks in it, its sentences are short.

    The third is the share of whole sentences with 3 to 8 words.
    """
    words = re.findall(r"[A-Za-z']+", completion)
    sentences = [len(found.split()) for found in SENTENCE.findall(completion)]
    short = sum(3 <= length <= 8 for length in sentences) / max(1, len(sentences))
    return ((word in words) + (completion.count('"') >= 2) + short) / 3


def write_data(folder: Path) -> None:
    """Write ``model/`` and the rows of each technique, split into training rows and held-out rows."""
    from transformers import AutoTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    source = data_folder() / "models/stories260K"
    tokenizer: Any = AutoTokenizer.from_pretrained(source)
    tokenizer.eos_token, tokenizer.pad_token = "<s>", "<unk>"
    target = folder / "model"
    tokenizer.save_pretrained(target)
    shutil.copy(source / "model.safetensors", target)
    ends = {"bos_token_id": END, "eos_token_id": END, "pad_token_id": PAD}
    for name in ("config.json", "generation_config.json"):
        (target / name).write_text(json.dumps({**json.loads((source / name).read_text()), **ends}))

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    made = {"instructions": instructions(ids), "pairs": pairs(ids), "prompts": prompts(ids)}
    for name, found in made.items():
        rows = list(found)
        rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
        parts = {"held_out": rows[: HELD_OUT[name]], "train": rows[HELD_OUT[name] :]}
        (folder / f"{name}.json").write_text(json.dumps(parts))


def instructions(ids: Any) -> Iterator[Row]:
    """Instructions and answers."""
    for row in _rows("instruct/alpaca_en_demo.jsonl.gz"):
        prompt = [END, *ids(f"{row['instruction']}\n{row['input']}".strip() + "\n")]
        completion = [*ids(row["output"]), END]
        if len(prompt) + len(completion) <= LONGEST["instructions"]:
            yield {"prompt": prompt, "completion": completion}


def pairs(ids: Any) -> Iterator[Row]:
    """Dialogues with a chosen and a rejected last turn."""
    for name in ("base", "rejection_sampled"):
        for row in _rows(f"preference/hh_rlhf_helpful_{name}_test.jsonl.gz"):
            texts = [row[part].strip() for part in ("chosen", "rejected")]
            if max(map(len, texts)) > 4 * LONGEST["pairs"] or not all(MARK in text for text in texts):
                continue
            before, other = (text[: _border(text)] for text in texts)
            if before != other or texts[0] == texts[1]:
                continue
            prompt = [END, *ids(before.strip())]
            chosen, rejected = ([*ids(text[len(before) :]), END] for text in texts)
            if len(prompt) + max(len(chosen), len(rejected)) <= LONGEST["pairs"]:
                yield {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def prompts(ids: Any) -> Iterator[Row]:
    """Openings of stories, each with the word that the story must use again."""
    for opening, name, thing in product(OPENINGS, NAMES, THINGS):
        text = opening.format(name=name, thing=thing)
        yield {"text": text, "prompt": [END, *ids(text)], "word": thing}


def held_out(folder: Path, plan: Plan) -> list[Row]:
    """The rows that no side trains on."""
    return json.loads((folder / f"{plan.data}.json").read_text())["held_out"]


def in_order(folder: Path, plan: Plan, seed: int) -> list[Row]:
    """The rows of all steps of a run, in the order that the seed gives. Both sides train in this order."""
    rows: list[Row] = json.loads((folder / f"{plan.data}.json").read_text())["train"]
    needed = plan.updates // plan.epochs * plan.batch_size
    draw = np.random.default_rng(seed)
    order = [i for _ in range(-(-needed // len(rows))) for i in draw.permutation(len(rows))]
    return [rows[i] for i in order[:needed]]


@dataclass(frozen=True)
class Task:
    """What a side does: runs of one technique. Weights go to ``folder/SIDE/TECHNIQUE-SEED/STEP``."""

    folder: str
    technique: str
    side: str
    seeds: tuple[int, ...]
    quick: bool

    @property
    def plan(self) -> Plan:
        """The settings."""
        plan = PLANS[self.technique]
        return quicker(plan) if self.quick else plan

    @property
    def model(self) -> str:
        """The start model's folder."""
        return str(Path(self.folder) / "model")

    def weights(self, seed: int, step: int, side: str | None = None) -> Path:
        """The file of the weights after a step: the side's own, or another's."""
        return Path(self.folder) / (side or self.side) / f"{self.technique}-{seed}" / f"{step}.safetensors"

    def text(self) -> str:
        """The task as an argument of a program."""
        return json.dumps(asdict(self))


def task_from(text: str) -> Task:
    """The task that `Task.text` wrote."""
    return Task(**{**json.loads(text), "seeds": tuple(json.loads(text)["seeds"])})
