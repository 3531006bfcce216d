"""How a stack is trained so that it fits the machine: all weights, adapters, or adapters on weights in 4 bits."""

from collections.abc import Sequence

from posttrain.advise.draft import Draft, Plan
from posttrain.advise.estimate import Cost, costs
from posttrain.advise.machine import GIB, ROOM
from posttrain.advise.recipe import recipe_of
from posttrain.advise.rules import Name
from posttrain.advise.stages import draft_of
from posttrain.policy.options import LoraOptions, PolicyOptions
from posttrain.recipe.schema import Recipe

GPUS = (16, 24, 48, 80, 141)
"""Memory of common GPUs in GiB."""

ALL = PolicyOptions()
ADAPTERS = PolicyOptions(lora=LoraOptions())
SPARING = PolicyOptions(lora=LoraOptions(), gradient_checkpointing=True)
FOUR_BIT = PolicyOptions(lora=LoraOptions(), gradient_checkpointing=True, quantization="4bit")


def fit(stack: Sequence[Name], plan: Plan) -> tuple[Draft, list[Cost], list[str]]:
    """The fullest way of training that fits, what it takes, and a word on it."""
    few = "few_demonstrations" in plan.case.facts and stack[0] == "SFT"
    ways = [*([] if few else [ALL]), ADAPTERS, SPARING, *([FOUR_BIT] if plan.machine.gpus else [])]
    drafts = [draft_of(stack, plan, how) for how in ways]
    tried = [(how, draft, _costs(draft, plan)) for how, draft in zip(ways, drafts, strict=True)]
    if plan.model.shape is None:
        note = f"{plan.model.name}: its size is not known here, so neither is what it takes; name a folder"
        return *tried[0][1:], [note]
    for how, draft, taken in tried:
        if peak(taken) <= plan.machine.room:
            return draft, taken, _told(how, few, peak(tried[0][2]))
    needs = peak(tried[-1][2])
    less = needs if FOUR_BIT in ways else needs - int((4 - 0.55) * plan.model.shape.parameters)
    note = (
        f"too large for this machine even with adapters ({needs / GIB:.0f} GiB): {smallest_gpu(needs)} would hold it, "
        f"{smallest_gpu(less)} with its weights in 4 bits; or choose a smaller model"
    )
    return *tried[-1][1:], [note]


def peak(taken: Sequence[Cost]) -> int:
    """Bytes of the stage that takes most."""
    return max((cost.memory or 0 for cost in taken), default=0)


def smallest_gpu(need: float) -> str:
    """A GPU that would hold it."""
    size = next((size for size in GPUS if size * GIB * ROOM >= need), None)
    return "more than one GPU of 141 GiB" if size is None else f"a GPU of {size} GiB"


def _told(how: PolicyOptions, few: bool, full: int) -> list[str]:
    if how.lora is None:
        return []
    why = "few rows, of which adapters forget less" if few else f"all weights would take {full / GIB:.0f} GiB"
    return [f"adapters (LoRA){' on weights in 4 bits' if how.quantization else ''}: {why}"]


def _costs(draft: Draft, plan: Plan) -> list[Cost]:
    recipe = Recipe.model_validate(recipe_of(draft, plan))
    return costs(recipe.stages, draft.loads, plan.model, plan.machine)
