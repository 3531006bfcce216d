"""The parts of training that differ between techniques."""

from collections.abc import Callable
from dataclasses import dataclass

from posttrain.core.outputs import Objective
from posttrain.data.sets.prepare import Prepared
from posttrain.data.sets.store import GroupStore
from posttrain.policy.load import Policy, Task
from posttrain.recipe.stages.ppo import ValueModel
from posttrain.rollouts.types import AdvantageFn, Reference
from posttrain.stages.context import Context, Figure
from posttrain.train.batches import Order


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique that trains on curated data.

    Args:
        task: the head that it trains.
        objective: the loss.
        order: the function from the prepared data to the order of each epoch.
        regroup: the function from the prepared data to the groups to train on, if they are not the rows themselves.
        figures: the function from the held-out validation set to further figures of the summary.
    """

    task: Task
    objective: Objective
    order: Callable[[Prepared], Order]
    regroup: Callable[[Prepared, Context], Prepared] = lambda prepared, context: prepared
    figures: Callable[[GroupStore], dict[str, Figure]] = lambda store: {}


@dataclass(frozen=True, slots=True)
class OnPolicyTechnique:
    """A technique that trains on completions that the policy itself generates.

    Args:
        objective: the loss.
        advantages: the function from (policy, reference or None) to the one that turns rewards into advantages.
        value: the kind of value head, on the policy's trunk or on a copy of it; None for no value head.
        beta: the KL coefficient of the first rollout.
        most_draws, mask_truncated: see `RolloutSpec`.
    """

    objective: Objective
    advantages: Callable[[Policy, Reference | None], AdvantageFn]
    value: ValueModel | None = None
    beta: float = 0.0
    most_draws: int = 0
    mask_truncated: bool = False
