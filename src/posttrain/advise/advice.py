"""The advice: profiles the files, completes the answers, applies the rules, and drafts a recipe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posttrain.advise.answers import Answers, answers_from_goal, answers_from_user, assumptions, check_answers
from posttrain.advise.columns import ask_for_columns, check_conventions, how_to_name_columns
from posttrain.advise.decide import Opinion, opinions, stack_of
from posttrain.advise.draft import BuildContext
from posttrain.advise.estimate import Cost
from posttrain.advise.facts import AdviceCase, advice_case
from posttrain.advise.fit import fit_to_machine
from posttrain.advise.machine import Machine, this_machine
from posttrain.advise.profile import DataProfile
from posttrain.advise.profile_files import profile_files
from posttrain.advise.recipe import recipe_text
from posttrain.advise.rules import THRESHOLDS, TechniqueName
from posttrain.advise.start_model import StartModel, describe_model
from posttrain.advise.teacher import teacher_notes
from posttrain.audit.rows.source import AuditSource
from posttrain.console import Screen

BASE, INSTRUCT = "Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B-Instruct"
"""The default model: the base model if there are answers to imitate, else one that can answer already."""


@dataclass(frozen=True, slots=True, repr=False)
class Advice:
    """The advice and its reasons.

    Args:
        profile: the files and their properties.
        answers: the answers from options, from the goal, and from the user.
        from_goal: sentences on the answers taken from the goal.
        assumed: what is assumed without an answer.
        machine: the machine to train on.
        model: the model to start from.
        opinions: an opinion on each technique.
        stack: the techniques to use, in order; empty if data must be collected first.
        costs: the cost of each stage that costs something.
        notes: sentences on the teacher, on memory, and on files that no technique uses.
        recipe: the recipe's text; None without a stack.
    """

    profile: DataProfile
    answers: Answers
    from_goal: Sequence[str]
    assumed: Sequence[str]
    machine: Machine
    model: StartModel
    opinions: Sequence[Opinion]
    stack: Sequence[TechniqueName]
    costs: Sequence[Cost]
    notes: Sequence[str]
    recipe: str | None

    def __repr__(self) -> str:
        lines = [f"Advice: {' → '.join(self.stack) or 'collect data first'}"]
        for opinion in self.opinions:
            reasons = [*opinion.because, *opinion.but, *(f"missing: {data}" for data in opinion.missing)]
            lines += [f"  {opinion.technique}: {opinion.verdict}", *(f"    {reason}" for reason in reasons)]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def advise(
    data: Sequence[str],
    answers: Answers,
    *,
    goal: str = "",
    model: str | None = None,
    teacher: str | None = None,
    against: Sequence[str] = (),
    columns: Mapping[str, str] = {},
    folder: Path,
    screen: Screen,
    machine: Machine | None = None,
    ask: Callable[[str], str] | None = None,
) -> Advice:
    """Advise on techniques for the data, and draft a recipe. Nothing is written or printed.

    Args:
        teacher: a larger model that answers well: a folder, a hub id, or name@url of a server.
        folder: the recipe's folder, from which its paths start.
        machine: the machine to train on; None for this one.
        ask: shows a question to the user and returns what they type; None if there is nobody to ask.

    Raises:
        InputError: a file or folder is not there or cannot be read, no file fits a convention, or answers contradict
            each other.
    """
    answers, from_goal = answers_from_goal(check_answers(answers), goal)
    sources = [AuditSource(path, columns) for path in dict.fromkeys(data)]
    profile = profile_files(sources if ask is None else ask_for_columns(sources, ask), against, answers.reward, screen)
    check_conventions(profile)
    if ask is not None:
        answers = answers_from_user(answers, _open_questions(profile), ask)
    answers = check_answers(answers)
    machine = machine or this_machine()
    texts = tuple(text for file in profile.files for text in file.texts)
    default = BASE if any(file.shows for file in profile.files) or not profile.files else INSTRUCT
    start = describe_model(model or default, texts)
    case = advice_case(profile, answers, start, machine)
    views = opinions(case)
    stack = stack_of(views)
    context = BuildContext(profile, answers, case, start, machine, folder)
    fitted = fit_to_machine(stack, context) if stack else None
    return Advice(
        profile,
        answers,
        from_goal,
        assumptions(answers, _questions_that_matter(case, answers)),
        machine,
        start,
        views,
        stack,
        [] if fitted is None else fitted.costs,
        [
            *teacher_notes(teacher, start.name, profile.prompts),
            *_unused_files(profile),
            *([] if fitted is None else fitted.notes),
        ],
        None if fitted is None else recipe_text(fitted.draft, context, _head(stack, views, profile)),
    )


def _open_questions(profile: DataProfile) -> dict[str, bool]:
    """Question → whether the data leave it open."""
    breadth = profile.figure("breadth")
    narrow = breadth is not None and breadth["effective_tasks"] < THRESHOLDS.broad
    one_task = any(file.material or (file.check is not None and file.check.fits) for file in profile.files)
    return {"tasks": not (narrow or one_task), "preferences": profile.prompts > 0}


def _questions_that_matter(case: AdviceCase, answers: Answers) -> dict[str, bool]:
    """Question → whether its answer makes a difference."""
    return {
        "tasks": "demonstrations" in case.facts,
        "success": "checkable" in case.facts,
        "preferences": bool(answers.people or answers.strict) or "pairs" in case.facts,
    }


def _unused_files(profile: DataProfile) -> list[str]:
    """A sentence on each file that no technique uses."""
    plain = "plain text without prompts: it suits continued pre-training of a base model, and teaches no task"
    return [
        *(f"{file.path}: {how_to_name_columns(file.columns)}" for file in profile.of("unknown")),
        *(f"{file.path}: {plain}" for file in profile.of("text")),
    ]


def _head(stack: Sequence[TechniqueName], views: Sequence[Opinion], profile: DataProfile) -> list[str]:
    """The lines of the recipe's first comment."""
    used = [opinion for opinion in views if opinion.technique in stack]
    blocking = [finding for finding in profile.findings.values() if finding.severity == "block"]
    return [
        f"Advised by `posttrain advise`: {' → '.join(stack)}.",
        *(f"{opinion.technique}: {opinion.because[0].text}." for opinion in used),
        *(f"Warning: {reason.text}." for opinion in used for reason in opinion.but),
        *(f"Correct this first, or the run stops: {finding.count:,} {finding.what}." for finding in blocking),
        "Edit the recipe as you need; `posttrain validate` checks it, and `posttrain plan` previews its run.",
    ]
