"""Three prompts with the model's greedy answers before and after a stage, and the target answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from posttrain.console import Screen, printable_text
from posttrain.core.group import Group, Ints
from posttrain.data.chat.answer_text import written_text
from posttrain.data.sets.prompts import Prompts
from posttrain.files import read_json, write_json
from posttrain.generation.engine import greedy
from posttrain.policy.load import Policy
from posttrain.policy.shape import positions_of
from posttrain.train.loop import Training

COUNT = 3
LONGEST = 128
"""The maximum length of an answer, in tokens."""
TIMES_THE_TARGET = 2
SHORTEST = 16
"""An answer may be `TIMES_THE_TARGET` as long as the answer to learn, but never has less room than this."""


@dataclass(frozen=True, slots=True)
class SamplePrompt:
    """A prompt that the model answers.

    Args:
        part: the part of the data, such as ``validation``.
        where: ``file:line`` of the row.
        tokens: the tokens of the prompt.
        target: the tokens of the answer to learn; None if the row has no answer.
        room: the maximum length of the model's answer, in tokens.
    """

    part: str
    where: str
    tokens: Ints
    target: Ints | None
    room: int


def samples_of_groups(training: Training) -> list[SamplePrompt]:
    """The first prompts of a held-out part, with their best answers; training prompts if no part is held out."""
    for part, groups in training.held_out.items():
        return _first(part, (groups[i] for i in range(len(groups))))
    steps = (training.source.step(number) for number in range(training.steps))
    return _first("train", (group for groups in steps for group in groups))


def samples_of_prompts(prompts: Prompts, max_new_tokens: int) -> list[SamplePrompt]:
    """The first held-out prompts, or the first training prompts if none is held out.

    Args:
        max_new_tokens: the maximum length of a rollout's completion.
    """
    part, chosen = ("validation", prompts.held_out) if prompts.held_out else ("train", prompts.train)
    return [SamplePrompt(part, prompt.where, prompt.tokens, None, max_new_tokens) for prompt in chosen[:COUNT]]


def answer_before(policy: Policy, samples: Sequence[SamplePrompt], path: Path) -> None:
    """Write the answers of the start model to `path`. A resumed stage keeps the file that is there."""
    if path.is_file():
        return
    answers = _answers(policy, samples)
    rows = [
        {
            "part": sample.part,
            "where": sample.where,
            "prompt": policy.tokenizer.decode(sample.tokens.tolist(), skip_special_tokens=True).strip(),
            "target": None if sample.target is None else _text(policy, sample.target),
            "before": answer,
            "after": None,
        }
        for sample, answer in zip(samples, answers, strict=True)
    ]
    write_json(path, rows)


def answer_after(policy: Policy, samples: Sequence[SamplePrompt], path: Path, screen: Screen) -> None:
    """Add the answers of the trained model to the file, and show all answers."""
    after = _answers(policy, samples)
    rows = [{**row, "after": answer} for row, answer in zip(read_json(path), after, strict=True)]
    write_json(path, rows)
    for number, row in enumerate(rows, start=1):
        held = "held out" if row["part"] != "train" else "a training row, since no row is held out"
        screen.note(f"answer {number} of {len(rows)}, to {row['where']} ({held})")
        for name in ("prompt", "before", "after", "target"):
            if row[name] is not None:
                screen.note(f"  {name:<8}{printable_text(' '.join(row[name].split()))}")


def _first(part: str, groups: Iterable[Group]) -> list[SamplePrompt]:
    """The first groups with different prompts."""
    samples: dict[bytes, SamplePrompt] = {}
    for group in groups:
        sample = _sample_of(part, group)
        samples.setdefault(sample.tokens.tobytes(), sample)
        if len(samples) == COUNT:
            break
    return list(islice(samples.values(), COUNT))


def _sample_of(part: str, group: Group) -> SamplePrompt:
    """The tokens of a group before the first loss token of its best completion, and its target from there on."""
    rank = group.columns.get("rank")
    best = group.completions[0 if rank is None else int(np.argmin(rank))]
    start = int(np.argmax(best.loss))
    rest = np.flatnonzero(~best.loss[start:])
    end = start + int(rest[0]) if len(rest) else len(best.tokens)
    label = group.columns.get("label")
    target = best.tokens[start:end] if label is None or label[0] == 1 else None  # a bad answer is no target
    prompt = np.concatenate([group.prompt, best.tokens[:start]])
    return SamplePrompt(part, group.where, prompt, target, max(SHORTEST, TIMES_THE_TARGET * (end - start)))


def _answers(policy: Policy, samples: Sequence[SamplePrompt]) -> list[str]:
    most = positions_of(policy.base.config)
    room = min(LONGEST, max(sample.room for sample in samples))
    if most is not None:
        room = min(room, most - max(len(sample.tokens) for sample in samples))
    if room < 1:
        return [""] * len(samples)
    written = greedy(policy, [sample.tokens for sample in samples], max_new_tokens=room)
    return [_text(policy, tokens) for tokens in written]


def _text(policy: Policy, tokens: Ints) -> str:
    return written_text(tokens, policy.tokenizer, policy.end_tokens).strip()
