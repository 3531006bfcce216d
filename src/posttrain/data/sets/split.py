"""Splits by prompt: the same prompt never stands on both sides, whatever file or order it came in."""

import hashlib
import json

from posttrain.data.example import Example

TRAIN, VALIDATION, UNSEEN_TASKS, UNSEEN_PHRASINGS = "train", "validation", "unseen_tasks", "unseen_phrasings"
"""The parts a data set falls into. Each held-out one is evaluated apart."""

Held = float | tuple[str, ...]
"""A share of names, or the names."""


def prompt_key(example: Example) -> str:
    """What makes two rows the same question: the prompt's messages, or a raw text as a whole."""
    messages = example.prompt or example.completions[0]
    return json.dumps([(m["role"], m.get("content")) for m in messages], ensure_ascii=False)


def falls_within(key: str, share: float, seed: int) -> bool:
    """Whether `key` falls into a share of all keys: a function of key and seed alone."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def part_of(example: Example, *, seed: int, validation: float, tasks: Held, phrasings: Held) -> str:
    """The part a row belongs to: whole tasks and whole phrasings first, then prompts."""
    if example.task is not None and _held(example.task, tasks, seed):
        return UNSEEN_TASKS
    if example.phrasing is not None and _held(example.phrasing, phrasings, seed):
        return UNSEEN_PHRASINGS
    return VALIDATION if falls_within(prompt_key(example), validation, seed) else TRAIN


def _held(name: str, held: Held, seed: int) -> bool:
    return name in held if isinstance(held, tuple) else falls_within(name, held, seed)
