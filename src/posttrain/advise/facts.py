"""The facts of a case, and the figures that reasons quote: from the data, the answers, the model and the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posttrain.advise.answers import Answers
from posttrain.advise.checkable import Check
from posttrain.advise.machine import Machine, Model
from posttrain.advise.profile import File, Seen
from posttrain.advise.rules import FACTS
from posttrain.advise.rules import THRESHOLDS as LIMITS
from posttrain.audit.checks.boilerplate import BOILERPLATE
from posttrain.audit.checks.contradictions import CONTRADICTORY
from posttrain.audit.checks.preferences import CYCLE, FEW_PROMPTS, LENGTH_BIAS, REVERSED
from posttrain.audit.checks.sides import NEAR_IDENTICAL
from posttrain.audit.rows.rules import IDENTICAL
from posttrain.statistics.intervals import wilson

_FORMS = ("JSON", "code block", "headings", "list", "label")
_SAME = (IDENTICAL.name, NEAR_IDENTICAL.name)
_PAIRS = 6
"""Pairs of four candidates."""

_CONFLICTS = (CYCLE.name, REVERSED.name)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules read.

    Args:
        facts: which of `rules.FACTS` hold.
        figures: what reasons quote.
        pairs_fit: whether the pairs that are there may be trained on.
    """

    facts: frozenset[str]
    figures: Mapping[str, Any]
    pairs_fit: bool


def case_of(seen: Seen, answers: Answers, model: Model, machine: Machine) -> Case:
    """What holds."""
    held: dict[str, bool] = {}
    figures: dict[str, Any] = {
        "model": model.name.rstrip("/").rpartition("/")[2],
        "success": answers.success or 0.0,
        "people": answers.people or 0,
        "few_rows": LIMITS.few_rows,
        "enough_pairs": LIMITS.enough_pairs,
        "enough_prompts": LIMITS.enough_prompts,
    }
    prompts = prompts_in(seen)
    figures["prompts"] = prompts
    fit = _preferences(seen, answers, prompts, held, figures)
    _demonstrations(seen, answers, model, fit, held, figures)
    _checks(seen, answers, held, figures)
    held["base_model"] = model.base
    held["not_shown"] = model.base and not held["demonstrations"]
    held["strict"] = bool(answers.strict)
    held["prompts"] = prompts >= LIMITS.enough_prompts
    held["broad"] = answers.preferences == "broad"
    held["explore"] = held["broad"] and held["rankings"] and held["prompts"] and not held["one_person"]
    held["never_right"] = _known(answers, most=LIMITS.learnable) and not held["demonstrations"]
    held["always_right"] = _known(answers, least=1 - LIMITS.learnable)
    held["right_at_times"] = _known(answers, least=LIMITS.known_right) and held["parser"] and not model.base
    weights = 0 if model.shape is None else 4 * model.shape.parameters
    held["several_models_too_large"] = 2 * weights > machine.room
    assert held.keys() == FACTS.keys(), held.keys() ^ FACTS.keys()
    return Case(frozenset(name for name, holds in held.items() if holds), figures, fit)


def prompts_in(seen: Seen) -> int:
    """Rows that can be put to the model."""
    return sum(file.usable for file in seen.files if file.prompts is not None)


def chosen_in(seen: Seen) -> list[File]:
    """Files whose preferred answers may serve as demonstrations."""
    return [file for file in seen.files if file.convention == "pairs"]


def _known(answers: Answers, *, least: float = 0.0, most: float = 1.0) -> bool:
    return answers.success is not None and least <= answers.success < most + (most == 1.0)


def _demonstrations(
    seen: Seen, answers: Answers, model: Model, fit: bool, held: dict[str, bool], figures: dict[str, Any]
) -> None:
    files = seen.of("sft")
    rows = sum(file.usable for file in files if file.shows)
    if not rows and model.base and fit and chosen_in(seen):
        rows = sum(file.usable for file in chosen_in(seen))  # the preferred answers are there to be imitated
    breadth: Mapping[str, Any] = seen.figure("breadth") or {}
    kinds = float(breadth.get("effective_tasks", 1.0))
    material = bool(files) and all(file.material for file in files)
    checked = bool(files) and all(_one_kind(file.check) for file in files)
    broad = bool(rows) and kinds >= LIMITS.broad and not material and not checked
    many = answers.tasks == "many" or (answers.tasks is None and broad)
    names = len({name for file in files for name in file.names})
    forms: Mapping[str, int] = seen.figure("answer_forms") or {}
    form = max(forms, key=forms.__getitem__, default="")
    contradictory = seen.count(CONTRADICTORY.name)
    unpaired = any(file.unpaired for file in files)
    constant = [file.constant for file in files if file.constant is not None]
    refusals = max((file.refusals for file in files), default=0.0)
    held |= {
        "demonstrations": rows > 0,
        "few_demonstrations": 0 < rows < LIMITS.few_rows,
        "many_wanted": many,
        "broad_rows": broad,
        "many_tasks": many and (broad or not rows) and not unpaired,
        "one_task": answers.tasks == "one" or (rows > 0 and not (many and broad)),
        "many_names": names >= 5 and names >= 2 * kinds and bool(breadth),
        "one_form": form in _FORMS and forms[form] >= 0.9 * sum(forms.values()),
        "contradictory": contradictory > 0,
        "very_contradictory": contradictory > 0 and contradictory >= LIMITS.contradict * max(rows, 1),
        "boilerplate": bool(files) and seen.count(BOILERPLATE.name) >= 0.01 * max(rows, 1),
        "refusals": refusals > 0.5,
        "constant": bool(files) and len(constant) == len(files),
        "unpaired": unpaired,
        "bare": bool(files) and all(file.bare for file in files),
    }
    wanted = {"one": "one task is wanted", "many": "many kinds of task are wanted", None: "nothing asks for many tasks"}
    asked = f"one task, as far as {rows:,} rows tell" if rows and answers.tasks is None else wanted[answers.tasks]
    if material:
        asked = f"the prompts are texts to work on ({', '.join(f.columns['prompt'] for f in files)}): one task a file"
    elif checked:
        asked = "all answers are of one kind: one task"
    elif held["many_names"]:
        asked = f"{names} task names, but effectively {kinds:.0f} kinds of request"
    elif breadth and rows and answers.tasks != "one":
        asked = f"the prompts ask for effectively {kinds:.0f} kinds of request"
    figures |= {
        "rows": rows,
        "names": names,
        "kinds": round(kinds),
        "breadth": f"{rows:,} rows, effectively {kinds:.0f} kinds of request" if rows else "none",
        "form": form,
        "contradictory": contradictory,
        "boilerplate": seen.count(BOILERPLATE.name),
        "refusals": refusals,
        "constant": " ".join(constant[0].split())[:60] if constant else "",
        "asked": asked,
        "wanted": wanted["many"] if answers.tasks else asked,
        "hold_out": _hold_out(rows),
    }


def _one_kind(check: Check | None) -> bool:
    """Whether all answers are of one kind, since one reward reads them or is meant to."""
    return check is not None and (check.fits or (check.expected and check.earned >= 0.5))


def _hold_out(rows: int) -> str:
    """What a held-out fifth of so few rows can say."""
    held = rows // 5
    if held < 1:
        return "too few to hold any out"
    right = round(0.8 * held)
    low, high = wilson(right, held)
    return f"{right} of {held} right on a held-out fifth would mean {low:.0%} to {high:.0%}"


def _preferences(seen: Seen, answers: Answers, prompts: int, held: dict[str, bool], figures: dict[str, Any]) -> bool:
    """The facts of pairs and people; whether the pairs are fit to train on."""
    pairs = seen.usable("preference", "judged")
    longer: Mapping[str, Any] = seen.figure("chosen_longer") or {"share": 0.0}
    alphas = [file.agreement for file in seen.files if file.agreement is not None]
    worst = min(alphas, key=lambda one: one.alpha, default=None)
    conflicts = seen.count(*_CONFLICTS)
    people = answers.people or 0
    wrong = {
        "length_decides": pairs >= 50 and longer["share"] >= LIMITS.length_decides,
        "conflicting": pairs > 0 and conflicts >= LIMITS.contradict * pairs,
        "low_agreement": worst is not None and worst.alpha < LIMITS.agree,
    }
    fit = pairs > 0 and not any(wrong.values())
    enough = fit and pairs >= LIMITS.enough_pairs
    anew = people > 0 and prompts >= LIMITS.enough_prompts
    ranked = min(prompts, LIMITS.ranked) if anew else 0
    held |= {name: holds and not anew for name, holds in wrong.items()}
    held |= {
        "pairs": fit,
        "pairs_or_people": enough or anew,
        "few_pairs": 0 < pairs < LIMITS.enough_pairs,
        "left_out": pairs > 0 and not fit and anew,
        "length_biased": LENGTH_BIAS.name in seen.findings and not wrong["length_decides"],
        "same_sides": pairs > 0 and seen.count(*_SAME) >= 0.01 * pairs,
        "few_prompts_dominate": FEW_PROMPTS.name in seen.findings,
        "one_person": people == 1 and not enough,
        "nobody": answers.people == 0 and not enough,
        "people": people > 1,
        "rankings": people > 1 or enough,
    }
    reasons = {
        "length_decides": f"in {longer['share']:.0%} the longer answer wins",
        "conflicting": f"{conflicts} are circles or reversals",
        "low_agreement": f"alpha {worst.alpha:.2f}" if worst is not None else "",
    }
    figures |= {
        "pairs": pairs,
        "pairs_coming": pairs if fit else ranked * _PAIRS,
        "rankings_coming": pairs if fit else ranked * min(people, 2),
        "longer": longer["share"],
        "conflicts": conflicts,
        "judges": worst.people if worst is not None else 0,
        "alpha": worst.alpha if worst is not None else 0.0,
        "same": seen.count(*_SAME),
        "prompts_effective": (seen.figure("prompts") or {"effective": 0.0})["effective"],
        "unfit": ", ".join(reasons[name] for name, holds in wrong.items() if holds),
    }
    return fit


def _checks(seen: Seen, answers: Answers, held: dict[str, bool], figures: dict[str, Any]) -> None:
    checks = [
        (file.check.fits, file.prompts is not None, file.check.share, file.path, file.check)
        for file in seen.files
        if file.check is not None
    ]
    fits, alone, share, path, best = max(checks, default=(False, False, 0.0, "", None), key=lambda some: some[:3])
    held["parser"] = fits and alone
    held["checkable"] = answers.checkable is True or (answers.checkable is None and best is not None and best.expected)
    figures["checked"] = "a right answer can be checked by a program"
    if best is None:
        figures["parser_missing"] = f"answers that a reward reads, in a column of their own. Rewards: {_READY}"
        return
    kind, target = best.spec["kind"], best.spec.get("target", "")
    if best.reads:
        figures["checked"] = f"a right answer is {best.what}, and the reward {kind} reads {share:.0%} of them"
    if not best.reads:
        rest = f"{kind} reads only {share:.0%} of {target}; correct the rest"
        told = f"answers that a reward reads: {rest}. Rewards: {_READY}"
    elif not fits:
        told = (
            f"answers that earn the reward: {kind} reads {target}, but {best.earned:.0%} of the answers to imitate "
            f"get it; for that task say --columns completion={target}"
        )
    else:
        told = f"the whole prompt in one column, called prompt, beside the answer ({path} has it in several)"
    figures["parser_missing"] = told


_READY = "math, match, json_fields, json_schema, code, regex, citation, or a Python function of your own"
"""Rewards that a recipe can name."""
