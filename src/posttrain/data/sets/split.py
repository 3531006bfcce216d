"""Splits by prompt: the same prompt never falls into two parts, whatever file or order it comes in."""

import hashlib
import json

from posttrain.data.example import Example

TRAIN, VALIDATION, UNSEEN_TASKS, UNSEEN_PHRASINGS = "train", "validation", "unseen_tasks", "unseen_phrasings"
"""The parts of a data set. Each held-out part is evaluated on its own."""

Held = float | tuple[str, ...]
"""The names that are held out, or the share of all names."""


def prompt_key(example: Example) -> str:
    """The key that is equal for rows with the same prompt: the prompt's messages, or a plain text as a whole."""
    messages = example.prompt or example.completions[0]
    return json.dumps([(m["role"], m.get("content")) for m in messages], ensure_ascii=False)


def request_key(example: Example) -> str:
    """The key that is equal for rows that a model answers alike: the prompt and the row's own template arguments."""
    own = example.template_arguments
    return prompt_key(example) + (json.dumps(own, sort_keys=True, default=str) if own else "")


def place_of(key: str, seed: int) -> int:
    """The place of `key` in a random order of all keys, below 2**64; it depends on key and seed alone."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big")


def falls_within(key: str, share: float, seed: int) -> bool:
    """Whether `key` falls into a share of all keys; this depends on key and seed alone."""
    return place_of(key, seed) < share * 2**64


def part_of(example: Example, *, seed: int, validation: float, tasks: Held, phrasings: Held) -> str:
    """The part of a row. Whole tasks and whole phrasings are held out first, then prompts."""
    if example.task is not None and _held(example.task, tasks, seed):
        return UNSEEN_TASKS
    if example.phrasing is not None and _held(example.phrasing, phrasings, seed):
        return UNSEEN_PHRASINGS
    return VALIDATION if falls_within(prompt_key(example), validation, seed) else TRAIN


def _held(name: str, held: Held, seed: int) -> bool:
    return name in held if isinstance(held, tuple) else falls_within(name, held, seed)
