"""`advise`: which technique to use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from posttrain.advise.advice import Advice
from posttrain.advise.advice import advise as advise_on
from posttrain.advise.answers import answers_from_options
from posttrain.api.sources import Paths, paths_of
from posttrain.console import Screen


def advise(
    data: Paths = (),
    *,
    goal: str = "",
    model: str | None = None,
    teacher: str | None = None,
    against: Paths = (),
    columns: Mapping[str, str] = {},
    tasks: Literal["one", "many"] | None = None,
    checkable: bool | None = None,
    reward: str | None = None,
    success: float | None = None,
    people: int | None = None,
    strict: bool | None = None,
    preferences: Literal["broad", "narrow"] | None = None,
    quiet: bool = False,
) -> Advice:
    """Which technique, SFT, IFT, RLHF, DPO, KTO, GRPO or a stack of them: from data, this machine and a few answers.

    Nothing is written: the result's ``recipe`` is the text of a YAML file whose paths start at the working directory.

    Args:
        data: files that there are.
        goal: what the model is for, in a sentence; some words answer questions.
        model: folder or hub id to start from; a small Qwen2.5 if None.
        teacher: a larger model that answers well: a folder, a hub id, or name@url of a server.
        against: evaluation data.
        columns: our name → the files' name, where they differ.
        tasks: whether the model is for one task or for many.
        checkable: whether a program can check an answer.
        reward: the reward that checks it: math, match, json_fields, json or code.
        success: share of right answers before training, 0 to 1.
        people: how many people can rank answers.
        strict: whether tone, refusals or safety must hold strictly.
        preferences: broad judgement on many kinds of prompt, or a narrow rule.
        quiet: print no progress.

    Raises:
        InputError: a file is not there or cannot be read, or answers contradict each other.
    """
    answers = {"checkable": checkable, "reward": reward, "people": people, "strict": strict}
    answers |= {"tasks": tasks, "preferences": preferences, "success": success}
    return advise_on(
        paths_of(data),
        answers_from_options(answers),
        goal=goal,
        model=model,
        teacher=teacher,
        against=paths_of(against),
        columns=columns,
        folder=Path(),
        screen=Screen(quiet=quiet),
    )
