"""`plan`: what a run would do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from posttrain.api.display import Displayed, Sheet
from posttrain.api.recipes import AnyRecipe
from posttrain.api.recipes import recipe as load
from posttrain.console import Screen
from posttrain.pipeline.plan import StagePlan, plan_recipe
from posttrain.pipeline.plan_table import HEADINGS, plan_lines, plan_place, plan_rows


@dataclass(frozen=True, slots=True, repr=False)
class PlanResult(Displayed, Sequence[StagePlan]):
    """The plans of a recipe's stages, by place or by name.

    Args:
        stages: the plan of each stage, in the order in which they run.
    """

    stages: tuple[StagePlan, ...]

    @overload
    def __getitem__(self, key: str | int) -> StagePlan: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[StagePlan, ...]: ...
    def __getitem__(self, key: str | int | slice) -> StagePlan | tuple[StagePlan, ...]:
        return {plan.stage: plan for plan in self.stages}[key] if isinstance(key, str) else self.stages[key]

    def __len__(self) -> int:
        return len(self.stages)

    def __iter__(self) -> Iterator[StagePlan]:
        return iter(self.stages)

    @property
    def fits(self) -> bool:
        """Whether every stage fits into the free memory."""
        return all(plan.does_not_fit is None for plan in self.stages)

    def as_json(self) -> list[dict[str, Any]]:
        """The plans as ``posttrain plan --json`` prints them."""
        return [plan.as_json() for plan in self.stages]

    def sheet(self) -> Sheet:
        """The plans as a table."""
        notes = [f"{plan.stage}: {line}" for plan in self.stages for line in (plan_place(plan), *plan_lines(plan))]
        return Sheet("Plan", HEADINGS, plan_rows(self.stages), notes)


def plan(recipe: AnyRecipe, *, overrides: Sequence[str] = (), base: str | Path | None = None) -> PlanResult:
    """Read the data and say what a run would do: rows, tokens, steps, memory, time, disk. No weights are loaded.

    Args:
        recipe: see `posttrain.recipe`.
        overrides: see `posttrain.recipe`.
        base: see `posttrain.recipe`.

    Raises:
        InputError: whatever a run would stumble over at its start, but for memory; see `PlanResult.fits`.
    """
    loaded = load(recipe, overrides=overrides, base=base)
    return PlanResult(tuple(plan_recipe(loaded.recipe, loaded.base, Screen(quiet=True))))
