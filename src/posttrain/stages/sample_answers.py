"""Three prompts with the model's greedy answers before and after a stage, and the answers it should learn."""

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
"""Tokens of an answer that are written."""


@dataclass(frozen=True, slots=True)
class SamplePrompt:
    """A prompt that the model answers.

    Args:
        part: of the data, such as ``validation``.
        where: its row.
        tokens: as the model reads it.
        target: tokens of the answer to learn, None where there is none.
    """

    part: str
    where: str
    tokens: Ints
    target: Ints | None


def samples_of_groups(training: Training) -> list[SamplePrompt]:
    """The first prompts of a held-out part, or of training where nothing is held out, with their best answers."""
    for part, groups in training.held_out.items():
        return _first(part, (groups[i] for i in range(len(groups))))
    steps = (training.source.step(number) for number in range(training.steps))
    return _first("train", (group for groups in steps for group in groups))


def samples_of_prompts(prompts: Prompts) -> list[SamplePrompt]:
    """The first held-out prompts, or the first ones to learn on where none is held out."""
    part = "validation" if prompts.held_out else "train"
    return [SamplePrompt(part, one.where, one.tokens, None) for one in (prompts.held_out or prompts.train)[:COUNT]]


def answer_before(policy: Policy, samples: Sequence[SamplePrompt], path: Path) -> None:
    """Generate the answers of the model that the stage starts from; a resumed stage finds them there."""
    if path.is_file():
        return
    answers = _answers(policy, samples)
    rows = [
        {
            "part": one.part,
            "where": one.where,
            "prompt": policy.tokenizer.decode(one.tokens.tolist(), skip_special_tokens=True).strip(),
            "target": None if one.target is None else _text(policy, one.target),
            "before": answer,
            "after": None,
        }
        for one, answer in zip(samples, answers, strict=True)
    ]
    write_json(path, rows)


def answer_after(policy: Policy, samples: Sequence[SamplePrompt], path: Path, screen: Screen) -> None:
    """Add the answers of the trained model, and show all."""
    after = _answers(policy, samples)
    rows = [{**row, "after": answer} for row, answer in zip(read_json(path), after, strict=True)]
    write_json(path, rows)
    for number, row in enumerate(rows, start=1):
        held = "held out" if row["part"] != "train" else "trained on, since nothing is held out"
        screen.note(f"answer {number} of {len(rows)}, to {row['where']} ({held})")
        for name in ("prompt", "before", "after", "target"):
            if row[name] is not None:
                screen.note(f"  {name:<8}{printable_text(' '.join(row[name].split()))}")


def _first(part: str, groups: Iterable[Group]) -> list[SamplePrompt]:
    """The first groups with different prompts."""
    found: dict[bytes, SamplePrompt] = {}
    for group in groups:
        one = _sample_of(part, group)
        found.setdefault(one.tokens.tobytes(), one)
        if len(found) == COUNT:
            break
    return list(islice(found.values(), COUNT))


def _sample_of(part: str, group: Group) -> SamplePrompt:
    """A group up to the first token that its best completion learns, and what that completion says there."""
    rank = group.columns.get("rank")
    best = group.completions[0 if rank is None else int(np.argmin(rank))]
    start = int(np.argmax(best.loss))
    rest = np.flatnonzero(~best.loss[start:])
    end = start + int(rest[0]) if len(rest) else len(best.tokens)
    return SamplePrompt(part, group.where, np.concatenate([group.prompt, best.tokens[:start]]), best.tokens[start:end])


def _answers(policy: Policy, samples: Sequence[SamplePrompt]) -> list[str]:
    most = positions_of(policy.base.config)
    room = LONGEST if most is None else min(LONGEST, most - max(len(one.tokens) for one in samples))
    if room < 1:
        return [""] * len(samples)
    written = greedy(policy, [one.tokens for one in samples], max_new_tokens=room)
    return [_text(policy, tokens) for tokens in written]


def _text(policy: Policy, tokens: Ints) -> str:
    return written_text(tokens, policy.tokenizer, policy.end_tokens).strip()
