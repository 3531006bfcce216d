"""The facts about answers to imitate: their number, their breadth, and their faults."""

from collections.abc import Mapping, Sequence
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.checkable import Check
from posttrain.advise.fact_group import FactGroup
from posttrain.advise.profile import DataProfile, FileProfile
from posttrain.advise.rules import THRESHOLDS
from posttrain.statistics.intervals import wilson

_FORMS = ("JSON", "code block", "headings", "list", "label")

_WANTED = {
    "one": "one task is wanted",
    "many": "many kinds of task are wanted",
    None: "there is no need for many tasks",
}
"""The answer on tasks → its words."""


def demonstration_facts(profile: DataProfile, answers: Answers, *, base_model: bool, pairs_fit: bool) -> FactGroup:
    """The facts and figures of the answers to imitate.

    Args:
        pairs_fit: whether the preference pairs are fit to train on; a base model can imitate their preferred answers.
    """
    files = profile.of("sft")
    rows = sum(file.usable for file in files if file.shows)
    if not rows and base_model and pairs_fit and profile.pair_files:
        rows = sum(file.usable for file in profile.pair_files)
    breadth: Mapping[str, Any] = profile.figure("breadth") or {}
    kinds = float(breadth.get("effective_tasks", 1.0))
    material = bool(files) and all(file.material for file in files)
    checked = bool(files) and all(_is_one_kind(file.check) for file in files)
    broad = bool(rows) and kinds >= THRESHOLDS.broad and not material and not checked
    many = answers.tasks == "many" or (answers.tasks is None and broad)
    names = len({name for file in files for name in file.names})
    many_names = names >= 5 and names >= 2 * kinds and bool(breadth)
    form, one_form = _common_form(profile)
    faults, fault_figures = _faults(profile, files, rows)
    facts = {
        **faults,
        "demonstrations": rows > 0,
        "few_demonstrations": 0 < rows < THRESHOLDS.few_rows,
        "many_wanted": many,
        "broad_rows": broad,
        "many_tasks": many and (broad or not (rows or profile.of("unpaired"))),
        "one_task": answers.tasks == "one" or (rows > 0 and not (many and broad)),
        "many_names": many_names,
        "one_form": one_form,
    }
    if material:
        columns = ", ".join(file.columns["prompt"] for file in files)
        evidence = f"the prompts are texts to work on ({columns}): one task per file"
    elif checked:
        evidence = "all answers are of one kind: one task"
    elif many_names:
        evidence = f"there are {names} task names, but effectively {_in_words(kinds)}"
    elif breadth and rows and answers.tasks != "one":
        evidence = f"the prompts hold effectively {_in_words(kinds)}"
    elif rows and answers.tasks is None:
        evidence = f"{rows:,} rows look like one task"
    else:
        evidence = _WANTED[answers.tasks]
    figures = {
        **fault_figures,
        "rows": rows,
        "names": names,
        "kinds": _in_words(kinds),
        "breadth": f"{rows:,} rows with effectively {_in_words(kinds)}" if rows else "none",
        "form": form,
        "task_evidence": evidence,
        "many_evidence": _WANTED["many"] if answers.tasks else evidence,
        "hold_out": _hold_out(rows),
    }
    return FactGroup(facts, figures)


def _faults(profile: DataProfile, files: Sequence[FileProfile], rows: int) -> tuple[dict[str, bool], dict[str, Any]]:
    """The facts and figures of faults in the answers of the files."""
    contradictory = profile.count("contradictory-answers")
    boilerplate = profile.count("boilerplate")
    constant = [file.constant for file in files if file.constant is not None]
    refusals = max((file.refusals for file in files), default=0.0)
    facts = {
        "contradictory": contradictory > 0,
        "very_contradictory": contradictory > 0 and contradictory >= THRESHOLDS.contradict * max(rows, 1),
        "boilerplate": bool(files) and boilerplate >= 0.01 * max(rows, 1),
        "refusals": refusals > 0.5,
        "constant": bool(files) and len(constant) == len(files),
        "bare": bool(files) and all(file.bare for file in files),
    }
    figures = {
        "contradictory": contradictory,
        "boilerplate": boilerplate,
        "refusals": refusals,
        "constant": " ".join(constant[0].split())[:60] if constant else "",
    }
    return facts, figures


def _common_form(profile: DataProfile) -> tuple[str, bool]:
    """The most common form of the answers, and whether nearly all answers have it."""
    forms: Mapping[str, int] = profile.figure("answer_forms") or {}
    form = max(forms, key=forms.__getitem__, default="")
    return form, form in _FORMS and forms[form] >= 0.9 * sum(forms.values())


def _is_one_kind(check: Check | None) -> bool:
    """Whether all answers are of one kind, because one reward reads them or is meant to read them."""
    return check is not None and (check.fits or (check.expected and check.earned >= 0.5))


def _hold_out(rows: int) -> str:
    """How exact a figure on a held-out fifth of the rows would be."""
    count = rows // 5
    if count < 1:
        return "there are too few rows to hold any out"
    right = round(0.8 * count)
    low, high = wilson(right, count)
    return f"{right} of {count} right on a held-out fifth would mean {low:.0%} to {high:.0%}"


def _in_words(kinds: float) -> str:
    return "1 kind of request" if round(kinds) == 1 else f"{kinds:.0f} kinds of request"
