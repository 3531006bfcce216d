"""The suite that measures a file's answers: the reward that reads them is its metric, or it looks for refusals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from posttrain.advise.checkable import Check
from posttrain.evaluate.suites.perplexity import PerplexitySuite
from posttrain.rewards.refusal.detect import refuses

WINDOW = int(PerplexitySuite.model_fields["window"].default)
"""The tokens that the suite of plain texts reads at once, unless its keys state another number."""

REFUSING = 0.2
"""The share of refusals among answers that no reward reads, from which on refusals are what a suite measures."""


@dataclass(frozen=True, slots=True)
class SuiteDraft:
    """A suite for held-out rows.

    Args:
        name: its name in the recipe.
        keys: its keys in the recipe, without `data` and `max_new_tokens`.
        what: what it measures, in words.
        gate: a claim on its result that a stage should show.
        generates: whether the model writes answers to it.
    """

    name: str
    keys: Mapping[str, Any]
    what: str
    gate: str
    generates: bool = True


PREFERENCES = SuiteDraft(
    "pairs", {"kind": "preferences"}, "how often the better answer has the higher score", "pairs/accuracy >= 0.6", False
)
"""The suite for pairs and rankings, which measures a reward model."""


def checked_suite(check: Check, answers: str | None) -> SuiteDraft:
    """The suite whose metric is the reward that reads the reference answers.

    Args:
        answers: the column that the suite reads as its target; a reward names any other column.
    """
    kind = str(check.spec["kind"])
    spec = {
        key: value for key, value in check.spec.items() if value is not None and (key, value) != ("target", answers)
    }
    if kind == "json_fields":
        metrics: Any = {"equal": {**spec, "whole": True}}
    else:
        metrics = kind if list(spec) == ["kind"] else {kind: spec}
    column = check.spec.get("target", check.spec.get("tests"))
    what = f"metric {kind}{f' reads the column `{column}`' if column else ''}: {check.what}"
    return SuiteDraft("answers", {"metrics": metrics}, what, "answers better than base")


def text_suite(answers: Sequence[str]) -> SuiteDraft:
    """The suite for answers that no reward reads: refusals if many answers refuse, else the wording."""
    if fmean(expects_refusal(answer) for answer in answers) >= REFUSING:
        what = "refusals; the words of each answer decide whether to refuse its request (`expected_behavior`)"
        gate = "refusals/refused better than base"
        return SuiteDraft("refusals", {"kind": "refusal"}, what, gate)
    what = "metric rouge: the words that an answer shares with the reference text"
    return SuiteDraft("answers", {"metrics": "rouge"}, what, "answers better than base")


def expects_refusal(answer: str) -> bool:
    """Whether the answer to imitate refuses."""
    return refuses(answer[:200])


def perplexity_suite(positions: int | None) -> SuiteDraft:
    """The suite for plain texts; its windows fit the positions of the model."""
    window = {} if positions is None or positions >= WINDOW else {"window": positions, "stride": positions // 2}
    keys = {"kind": "perplexity", **window}
    return SuiteDraft("texts", keys, "perplexity of the texts", "texts/perplexity better than base", False)
