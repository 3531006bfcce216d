"""Chooses how a stack is trained so that it fits the machine: all weights, adapters, or adapters on 4-bit weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from posttrain.advise.draft import BuildContext, RecipeDraft
from posttrain.advise.estimate import Cost, stage_costs
from posttrain.advise.machine import GIB, ROOM
from posttrain.advise.recipe import recipe_values
from posttrain.advise.rules import TechniqueName
from posttrain.advise.stages import draft_recipe
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.recipe.schema import Recipe

GPUS = (16, 24, 48, 80, 141)
"""Memory of common GPUs in GiB."""

ALL_WEIGHTS = PolicyOptions()
ADAPTERS = PolicyOptions(lora=LoraOptions())
CHECKPOINTED = PolicyOptions(lora=LoraOptions(), gradient_checkpointing=True)
FOUR_BIT = PolicyOptions(lora=LoraOptions(), gradient_checkpointing=True, quantization="4bit")


@dataclass(frozen=True, slots=True)
class FittedDraft:
    """A recipe draft that fits the machine, or the smallest one if none fits.

    Args:
        draft: the recipe's stages.
        costs: the cost of each stage.
        notes: sentences on how the model is trained, and on whether it fits.
    """

    draft: RecipeDraft
    costs: list[Cost]
    notes: list[str]


def fit_to_machine(stack: Sequence[TechniqueName], context: BuildContext) -> FittedDraft:
    """The first draft that fits, in the order all weights, adapters, gradient checkpointing, 4-bit weights."""
    few = "few_demonstrations" in context.case.facts and stack[0] == "SFT"
    ways = [
        *([] if few else [ALL_WEIGHTS]),
        ADAPTERS,
        CHECKPOINTED,
        *([FOUR_BIT] if context.machine.gpus else []),
    ]
    drafts = [draft_recipe(stack, context, policy) for policy in ways]
    fitted = [(policy, draft, _costs(draft, context)) for policy, draft in zip(ways, drafts, strict=True)]
    full, smallest = fitted[0], fitted[-1]
    if context.model.shape is None:
        note = f"{context.model.name}: its size is unknown here, so memory and time are unknown too; name a folder"
        return FittedDraft(full[1], full[2], [note])
    for policy, draft, costs in fitted:
        if peak_of(costs) <= context.machine.room:
            return FittedDraft(draft, costs, _adapter_notes(policy, few, peak_of(full[2])))
    needs = peak_of(smallest[2])
    in_4_bits = needs if FOUR_BIT in ways else needs - int((4 - 0.55) * context.model.shape.parameters)
    note = (
        f"the model is too large for this machine even with adapters ({needs / GIB:.0f} GiB): "
        f"{smallest_gpu(needs)} would hold it, or {smallest_gpu(in_4_bits)} with 4-bit weights; or use a smaller model"
    )
    return FittedDraft(smallest[1], smallest[2], [note])


def peak_of(costs: Sequence[Cost]) -> int:
    """Peak memory of the largest stage, in bytes."""
    return max((cost.memory or 0 for cost in costs), default=0)


def smallest_gpu(need: float) -> str:
    """The smallest common GPU that holds `need` bytes, in words."""
    size = next((size for size in GPUS if size * GIB * ROOM >= need), None)
    return "more than one GPU of 141 GiB" if size is None else f"a GPU of {size} GiB"


def _adapter_notes(policy: PolicyOptions, few: bool, full: int) -> list[str]:
    """A note on why adapters are trained; none if all weights are trained."""
    if policy.lora is None:
        return []
    why = "with few rows adapters forget less" if few else f"training all weights needs {full / GIB:.0f} GiB"
    return [f"adapters (LoRA){' on 4-bit weights' if policy.quantization else ''}: {why}"]


def _costs(draft: RecipeDraft, context: BuildContext) -> list[Cost]:
    recipe = Recipe.model_validate(recipe_values(draft, context))
    return stage_costs(recipe.stages, draft.loads, context.model, context.machine)
