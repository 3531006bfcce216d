"""What PPO needs beside GRPO on posttrain's side of `learning.py`: objective, advantages, reward model."""

from typing import Literal

from learning_data import Task
from learning_ppo import CLIP, GAMMA, LAMBDA, VALUE_CLIP, VALUE_WEIGHT, reward_model

from posttrain.advantages.options import PPOAdvantageOptions
from posttrain.core.outputs import Objective
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.policy.forward import VALUE_TRUNK
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from posttrain.policy.reference_model import freeze, frozen_logprobs
from posttrain.policy.value_head import VALUE_HEAD
from posttrain.rollouts.ppo import ppo_advantages, values_of
from posttrain.rollouts.scoring import RewardModel
from posttrain.rollouts.types import AdvantageFn


def frozen(folder: str, task: Literal["causal", "score"]) -> Policy:
    """A model that is not trained."""
    policy = load_policy(folder, task=task)
    settle_layout(policy)
    return freeze(policy)


def ppo_objective() -> Objective:
    """The clipped policy gradient with the value's loss."""
    options = PolicyGradientOptions(clip_low=CLIP, clip_high=CLIP)
    return policy_gradient_objective(options, value=ValueOptions(value_clip=VALUE_CLIP, value_weight=VALUE_WEIGHT))


def ppo_rollouts(task: Task, policy: Policy, row_tokens: int) -> tuple[AdvantageFn, RewardModel]:
    """Advantages and reward model. TRL neither scales the scores nor, by default, deducts for a missing end token."""
    options = PPOAdvantageOptions(gamma=GAMMA, lam=LAMBDA, normalize=False, missing_eos_penalty=0.0)
    reference = frozen_logprobs(policy, frozen(task.model, "causal"), row_tokens=row_tokens, temperature=1.0)
    advantages = ppo_advantages(options, reference=reference, values=values_of(policy, row_tokens))
    return advantages, RewardModel(frozen(str(reward_model(task.folder)), "score"), 1.0)


def is_value(name: str) -> bool:
    """Whether a parameter is the value's, and not the policy's."""
    return name.startswith((VALUE_HEAD, VALUE_TRUNK))
