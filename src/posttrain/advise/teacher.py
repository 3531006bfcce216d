"""Advice for users who have a larger model that answers well: imitate its answers, or on-policy distillation."""

import re

from posttrain.advise.rules import THRESHOLDS
from posttrain.advise.start_model import local_folder
from posttrain.errors import InputError
from posttrain.policy.load import load_tokenizer
from posttrain.stages.reference import tokens_differ


def teacher_notes(teacher: str | None, model: str, prompts: int) -> list[str]:
    """What the teacher is good for, in sentences; none without a teacher.

    Args:
        teacher: a folder, a hub id, or ``name@url`` of a server.
        model: the model to start from.
        prompts: number of prompts in the data.

    Raises:
        InputError: the teacher is none of these three.
    """
    if teacher is None:
        return []
    difference = _difference(teacher, model)
    if prompts < THRESHOLDS.enough_prompts:
        return [
            f"a teacher answers prompts, and the rows need no answers of their own; the data has {prompts:,} prompts, "
            f"and {THRESHOLDS.enough_prompts} are a good start"
        ]
    imitate = f"{teacher} can answer the {prompts:,} prompts, and SFT on its answers is plain distillation"
    if difference is not None:
        return [
            f"{imitate} (posttrain init imitate); on-policy distillation is ruled out, since {teacher} {difference}"
        ]
    return [
        f"{imitate} (posttrain init imitate): it comes first if the model cannot answer yet",
        f"with the same tokenizer, {teacher} can then correct the model's own answers token by token: on-policy "
        "distillation (posttrain init distill)",
    ]


def _difference(teacher: str, model: str) -> str | None:
    """How the tokenizers differ, as the end of a sentence; None if they are equal, or are not both on this disk."""
    if re.fullmatch(r".+@https?://.+", teacher):
        return None
    try:
        folders = [local_folder(name) for name in (teacher, model)]
    except InputError as error:
        raise InputError(f"--teacher: {teacher} is neither a folder, a hub id (org/name), nor NAME@URL") from error
    if folders[0] is None or folders[1] is None:
        return None
    return tokens_differ(load_tokenizer(folders[0]).get_vocab(), load_tokenizer(folders[1]).get_vocab())
