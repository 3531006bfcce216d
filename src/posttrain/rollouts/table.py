"""The table of a rollout's completions, for people to read."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from posttrain.files import write_whole
from posttrain.rollouts.metrics import finite_or_none
from posttrain.rollouts.types import Rollout


def completion_rows(rollout: Rollout, number: int) -> Iterator[dict[str, Any]]:
    """Yield one row per completion: its prompt, text, length and end, its reward and each reward component."""
    for g, prompt in enumerate(rollout.prompts):
        for k, text in enumerate(rollout.texts[g]):
            completion = rollout.written[g][k]
            yield {
                "rollout": number,
                "where": prompt.where,
                "prompt": prompt.text,
                "completion": text,
                "tokens": len(completion.tokens),
                "ended": completion.ended,
                "reward": finite_or_none(rollout.reward_GK[g, k]),
                "rewards": {name: finite_or_none(values[g, k]) for name, values in rollout.components.items()},
                **({} if completion.weights is None else {"weights": completion.weights}),
            }


def write_json_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object per line; the file is replaced as a whole."""
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
