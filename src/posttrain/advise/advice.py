"""The advice: files are profiled, answers completed, rules applied, and a recipe is drafted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posttrain.advise.answers import Answers, asked, assumed, checked, with_goal
from posttrain.advise.columns import check_known, name_them, named
from posttrain.advise.decide import Opinion, opinions, stack_of
from posttrain.advise.draft import Plan
from posttrain.advise.estimate import Cost
from posttrain.advise.facts import Case, case_of, prompts_in
from posttrain.advise.fit import fit
from posttrain.advise.machine import Machine, Model, model_of, this_machine
from posttrain.advise.profile import Seen, look
from posttrain.advise.recipe import text_of
from posttrain.advise.rules import THRESHOLDS, Name
from posttrain.audit.rows.source import AuditSource
from posttrain.console import Screen

BASE, INSTRUCT = "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B-Instruct"
"""The model if none is named: a base model where there is something to imitate, else one that can answer already."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is advised, and why.

    Args:
        seen: the files.
        answers: given, told by the goal, or asked.
        told: what was taken from the goal.
        assumed: what was taken for granted.
        machine, model: to train on, to start from.
        opinions: of every technique.
        stack: the techniques to use, one after the other; empty where data must come first.
        costs: of each stage that takes something.
        notes: on memory, and on files that no technique reads.
        recipe: its text; None without a stack.
    """

    seen: Seen
    answers: Answers
    told: Sequence[str]
    assumed: Sequence[str]
    machine: Machine
    model: Model
    opinions: Sequence[Opinion]
    stack: Sequence[Name]
    costs: Sequence[Cost]
    notes: Sequence[str]
    recipe: str | None


def advise(
    data: Sequence[str],
    answers: Answers,
    *,
    goal: str = "",
    model: str | None = None,
    against: Sequence[str] = (),
    columns: Mapping[str, str] = {},
    folder: Path,
    screen: Screen,
    machine: Machine | None = None,
    ask: Callable[[str], str] | None = None,
) -> Advice:
    """Look, decide, draft.

    Args:
        folder: the recipe's, from which its paths start.
        machine: this one if None.
        ask: puts a question to the user; None if there is nobody to ask.

    Raises:
        InputError: a file or folder that is not there or cannot be read, no file whose columns are known, or answers
            that contradict each other.
    """
    answers, told = with_goal(checked(answers), goal)
    sources = [AuditSource(path, columns) for path in dict.fromkeys(data)]
    seen = look(sources if ask is None else named(sources, ask), against, answers.reward, screen)
    check_known(seen)
    if ask is not None:
        answers = asked(answers, _open(seen), ask)
    answers = checked(answers)
    machine = machine or this_machine()
    texts = tuple(text for file in seen.files for text in file.texts)
    start = model_of(model or (BASE if any(file.shows for file in seen.files) or not seen.files else INSTRUCT), texts)
    case = case_of(seen, answers, start, machine)
    said = opinions(case)
    stack = stack_of(said)
    plan = Plan(seen, answers, case, start, machine, folder)
    draft, taken, notes = fit(stack, plan) if stack else (None, [], [])
    return Advice(
        seen,
        answers,
        told,
        assumed(answers, _matters(case, answers)),
        machine,
        start,
        said,
        stack,
        taken,
        [*_unread(seen), *notes],
        None if draft is None else text_of(draft, plan, _head(stack, said, seen, case)),
    )


def _open(seen: Seen) -> dict[str, bool]:
    """Which questions the data leave open."""
    breadth = seen.figure("breadth")
    narrow = breadth is not None and breadth["effective_tasks"] < THRESHOLDS.broad
    one = any(file.material or (file.check is not None and file.check.fits) for file in seen.files)
    return {"tasks": not (narrow or one), "preferences": prompts_in(seen) > 0}


def _matters(case: Case, answers: Answers) -> dict[str, bool]:
    """Which open questions make a difference."""
    return {
        "tasks": "demonstrations" in case.facts,
        "success": "checkable" in case.facts,
        "preferences": bool(answers.people or answers.strict) or "pairs" in case.facts,
    }


def _unread(seen: Seen) -> list[str]:
    plain = "plain text without prompts: it can go on training a base model, and teaches no task"
    return [
        *(f"{file.path}: {name_them(file.columns)}" for file in seen.of("unknown")),
        *(f"{file.path}: {plain}" for file in seen.of("text")),
    ]


def _head(stack: Sequence[Name], said: Sequence[Opinion], seen: Seen, case: Case) -> list[str]:
    """The recipe's first comment."""
    used = [opinion for opinion in said if opinion.technique in stack]
    lines = [
        f"Advised by `posttrain advise`: {' → '.join(stack)}.",
        *(f"{opinion.technique}: {opinion.because[0]}." for opinion in used),
        *(f"Mind: {reason}." for opinion in used for reason in opinion.but),
    ]
    blocking = [one for one in seen.findings.values() if one.severity == "block"]
    lines += [f"Mend first, or the run stops: {one.count:,} {one.what}." for one in blocking]
    return [*lines, "Change what you know better: `posttrain validate` checks it, `posttrain plan` looks ahead."]
