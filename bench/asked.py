"""What on-policy sides write: prompts of real dialogues, and how long each of a prompt's completions is to be.

Random weights end nowhere sensible, and a side that ends earlier has less to do; so every side is made to write the
same lengths, each by the cheapest means that its library has.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

PROMPT, COMPLETION, N = (64, 256), (16, 128), 8
"""Tokens of a prompt and of a completion, least and most; completions of a prompt."""


@dataclass(frozen=True)
class Asked:
    """A prompt's token ids, and the tokens of each of its completions."""

    prompt: list[int]
    lengths: list[int]


def write_asked(folder: Path, count: int) -> None:
    """Take the first fitting prompts of ``pairs.json``; lengths are even draws, fixed by the prompt's place."""
    rows = json.loads((folder / "pairs.json").read_text())
    fitting = [row["prompt"] for row in rows if PROMPT[0] <= len(row["prompt"]) <= PROMPT[1]][:count]
    assert len(fitting) == count, f"only {len(fitting)} prompts have {PROMPT[0]} to {PROMPT[1]} tokens"

    def lengths(place: int) -> list[int]:
        return np.random.default_rng([0, place]).integers(COMPLETION[0], COMPLETION[1] + 1, N).tolist()

    asked = [asdict(Asked(prompt, lengths(place))) for place, prompt in enumerate(fitting)]
    (folder / "asked.json").write_text(json.dumps(asked))


def read_asked(folder: str) -> list[Asked]:
    """What `write_asked` wrote."""
    return [Asked(**row) for row in json.loads((Path(folder) / "asked.json").read_text())]


def written_each(task: str) -> int:
    """Completions of each prompt: a group for GRPO, one for PPO, as both sides have it."""
    return 1 if task == "ppo" else N


def share_of_e(text: str) -> float:
    """A reward that costs nothing and differs between completions."""
    return text.count("e") / (1 + len(text))
