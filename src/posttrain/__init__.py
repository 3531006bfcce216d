"""posttrain: from a raw language model to one a business can rely on, in one recipe.

``import posttrain as pt`` offers the functions and types of ``__all__``; docs/python.md shows them. Each is imported
when it is first used, so that the import itself loads nothing heavy.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature

    from posttrain import objectives
    from posttrain.advise.advice import Advice
    from posttrain.api.advising import advise
    from posttrain.api.audits import AuditResult, audit
    from posttrain.api.evaluations import Evaluation, evaluate
    from posttrain.api.models import Model, load
    from posttrain.api.plans import PlanResult, plan
    from posttrain.api.recipes import LoadedRecipe, recipe
    from posttrain.api.runs import RunResult, StageResult, run
    from posttrain.api.training import FitResult, fit
    from posttrain.core.group import Completion, Group
    from posttrain.core.outputs import Loss, Objective, Outputs
    from posttrain.core.packing import Batch
    from posttrain.errors import GateStopped, InputError, RunError, Stopped, Waiting
    from posttrain.pipeline.plan import StagePlan
    from posttrain.policy.load import Policy
    from posttrain.policy.open import open_policy
    from posttrain.policy.options import LoraOptions, PolicyOptions
    from posttrain.rewards.registered import reward
    from posttrain.stages.context import Figure
    from posttrain.train.options import TrainOptions

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "AuditResult",
    "Batch",
    "Completion",
    "Evaluation",
    "Figure",
    "FitResult",
    "GateStopped",
    "Group",
    "InputError",
    "LoadedRecipe",
    "LoraOptions",
    "Loss",
    "Model",
    "Objective",
    "Outputs",
    "PlanResult",
    "Policy",
    "PolicyOptions",
    "RunError",
    "RunResult",
    "StagePlan",
    "StageResult",
    "Stopped",
    "TrainOptions",
    "Waiting",
    "advise",
    "audit",
    "evaluate",
    "fit",
    "load",
    "objectives",
    "open_policy",
    "plan",
    "recipe",
    "reward",
    "run",
]

_MODULES = {
    "advise.advice": ("Advice",),
    "api.advising": ("advise",),
    "api.audits": ("AuditResult", "audit"),
    "api.evaluations": ("Evaluation", "evaluate"),
    "api.models": ("Model", "load"),
    "api.plans": ("PlanResult", "plan"),
    "api.recipes": ("LoadedRecipe", "recipe"),
    "api.runs": ("RunResult", "StageResult", "run"),
    "api.training": ("FitResult", "fit"),
    "core.group": ("Completion", "Group"),
    "core.outputs": ("Loss", "Objective", "Outputs"),
    "core.packing": ("Batch",),
    "errors": ("GateStopped", "InputError", "RunError", "Stopped", "Waiting"),
    "pipeline.plan": ("StagePlan",),
    "policy.load": ("Policy",),
    "policy.open": ("open_policy",),
    "policy.options": ("LoraOptions", "PolicyOptions"),
    "rewards.registered": ("reward",),
    "stages.context": ("Figure",),
    "train.options": ("TrainOptions",),
}
"""Module → the public names that it holds."""

_PLACES = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

_ROOMS = frozenset({"advise", "audit", "evaluate", "recipe"})
"""Functions whose names are also those of subpackages: the subpackage can be called, see `_CallableRoom`."""


def __getattr__(name: str) -> Any:
    if name in _ROOMS or name == "objectives":
        return import_module(f"{__name__}.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _CallableRoom(ModuleType):
    # A subpackage that is also a function: Python sets ``posttrain.audit`` to the subpackage once it is imported.

    def _function(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(_PLACES[name]), name)

    @property
    def __signature__(self) -> "Signature":
        """The function's signature, as notebooks and `help` show it."""
        from inspect import signature

        return signature(self._function())

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The function's documentation."""
        return self._function().__doc__

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function()(*args, **options)


class _Package(ModuleType):
    """This package. It makes the subpackages of `_ROOMS` callable when Python sets them as its attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _ROOMS and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
