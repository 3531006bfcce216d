"""Stages whose start model is an adapter: whether theirs can be trained from it, and a sentence on how it is used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.errors import InputError
from posttrain.policy.lora.folder import AdapterFolder, adapter_in, stackable
from posttrain.policy.options import LoraOptions
from posttrain.recipe.problems import RecipeSource
from posttrain.recipe.schema import Recipe
from posttrain.recipe.stages.base import TrainingStage


@dataclass(frozen=True, slots=True)
class StartAdapter:
    """The adapter that a stage starts from.

    Args:
        name: the stage or the folder, as the recipe names it.
        kind: the reason why nothing can be trained on top of it, such as "it uses use_dora"; None if something can.
    """

    name: str
    kind: str | None


def start_adapter(recipe: Recipe, stage: TrainingStage, base: Path) -> StartAdapter | None:
    """The adapter that a stage starts from; None if its start model is complete."""
    name = stage.start or recipe.model
    if name not in recipe.stages:
        folder = adapter_in(str(base / name))
        return None if folder is None else StartAdapter(name, stackable(folder))
    earlier = recipe.stages[name]
    lora = earlier.lora if isinstance(earlier, TrainingStage) else None
    if lora is None or lora.earlier == "merge":
        return None
    if lora.earlier == "continue" and isinstance(earlier, TrainingStage):
        before = start_adapter(recipe, earlier, base)
        return StartAdapter(name, None if before is None else before.kind)
    return StartAdapter(name, stackable(AdapterFolder(Path(name), "", False, _config(lora))))


def _config(lora: LoraOptions) -> dict[str, Any]:
    """The part of peft's configuration that tells the kinds of adapters apart."""
    return {"peft_type": "LORA", "use_dora": lora.dora, "target_parameters": lora.target_parameters}


def check_adapters(recipe: Recipe, written: RecipeSource) -> None:
    """Refuse adapters that cannot be trained from the start model, before anything is read."""
    for name, stage in recipe.stages.items():
        if not isinstance(stage, TrainingStage) or stage.lora is None:
            continue
        lora, start = stage.lora, start_adapter(recipe, stage, written.base)
        own = "dora" if lora.dora else "target_parameters" if lora.target_parameters else None
        key, problem = "earlier", None
        if start is None:
            if lora.earlier != "stack":
                model = stage.start or recipe.model
                problem = f"{lora.earlier} needs an adapter to start from, and {model} is a complete model; remove it"
        elif lora.earlier == "continue" and stage.makes == "score" and start.name in recipe.stages:
            problem = f"the adapter of {start.name} has no scalar head; set `earlier: merge` or `earlier: stack`"
        elif lora.earlier == "stack" and own is not None:
            key, problem = (
                own,
                f"this kind cannot be trained on top of {start.name}'s adapter; set `earlier: merge`",
            )
        elif lora.earlier == "stack" and start.kind is not None:
            problem = f"nothing can be trained on top of the adapter of {start.name}, since {start.kind}; set "
            problem += "`earlier: merge` or `earlier: continue`"
        if problem is not None:
            raise InputError(f"{written.where(('stages', name, 'lora', key))}: {problem}")


def adapter_note(recipe: Recipe, stage: TrainingStage, base: Path) -> str | None:
    """A sentence on what becomes of the adapter that a stage starts from; None if its start model is complete."""
    start = start_adapter(recipe, stage, base)
    if start is None:
        return None
    if stage.lora is None:
        return f"the adapter of {start.name} is merged into its base, and all weights are trained"
    return {
        "stack": f"a new adapter is trained on top of that of {start.name}, which is frozen; both are saved as one",
        "continue": f"the adapter of {start.name} is trained further",
        "merge": f"the adapter of {start.name} is merged into its base, and a new adapter is trained on it; the stage "
        "saves a complete model",
    }[stage.lora.earlier]
