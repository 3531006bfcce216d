"""Proximal policy optimisation: RLHF's last step, on any reward, held near the model it starts from."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from posttrain.stages.on_policy import OnPolicyStage, OnPolicyTechnique, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posttrain.core.group import Floats, Group
    from posttrain.policy.load import Policy


class PPOStage(OnPolicyStage):
    """PPO: value head on the policy's own trunk, GAE, KL in the reward. The 37 known details: docs/ppo.md."""

    kind: Literal["ppo"]
    batch_size: int = Field(default=32, ge=1, description="prompts per optimiser step")
    num_generations: int = Field(default=1, ge=1, description="completions of each prompt")
    inner_epochs: int = Field(default=4, ge=1, description="how often each completion of a rollout is learnt from")
    beta: float = Field(default=0.05, ge=0, description="KL to the model before training, per nat, off the reward")
    target_kl: float | None = Field(
        default=None, gt=0, description="steer beta towards this KL, nats a completion; fixed if unset"
    )
    kl_horizon: float = Field(default=10000.0, gt=0, description="completions over which beta is steered")
    gamma: float = Field(default=1.0, gt=0, le=1, description="discount of later rewards")
    lam: float = Field(default=0.95, ge=0, le=1, description="GAE's λ: 0 trusts the value, 1 the rewards")
    clip: float = Field(default=0.2, gt=0, lt=1, description="how far the ratio may move from 1")
    value_model: Value = Field(
        default="shared",
        description="shared: a head on the policy's own trunk; separate: on a trunk of its own, twice the memory",
    )
    value_clip: float = Field(default=0.2, gt=0, description="how far the value may move from what it was")
    value_weight: float = Field(default=0.1, gt=0, description="weight of the value's loss")
    entropy_weight: float = Field(default=0.0, ge=0, description="weight of an entropy bonus")
    normalize: bool = Field(default=True, description="scores get mean 0 and deviation 1 over the first rollout")
    whiten_rewards: bool = Field(default=False, description="each rollout's token rewards get deviation 1")
    missing_eos_penalty: float = Field(default=1.0, ge=0, description="off the score of a completion that was cut")

    @model_validator(mode="after")
    def _no_second_trunk_beside_adapters(self) -> "PPOStage":
        if self.lora is not None and self.value_trunk:
            raise ValueError("`value_model: separate` trains all weights of a second model; leave it out, or `lora`")
        return self

    @property
    def value_trunk(self) -> bool:
        """Whether a second trunk is trained, for the value alone."""
        return self.value_model == "separate"


def technique(stage: PPOStage) -> OnPolicyTechnique:
    """A value head beside the LM head; the reference always."""
    from posttrain.objectives.policy_gradient import PolicyGradient, policy_gradient_objective
    from posttrain.rollouts.ppo import PPOCredit, ppo_credit, values_of

    variant = PolicyGradient(
        clip_low=stage.clip,
        clip_high=stage.clip,
        value_weight=stage.value_weight,
        value_clip=stage.value_clip,
        entropy_weight=stage.entropy_weight,
        corrected=stage.vllm is not None,
    )
    how = PPOCredit(
        gamma=stage.gamma,
        lam=stage.lam,
        normalize=stage.normalize,
        missing_eos_penalty=stage.missing_eos_penalty,
        whiten_rewards=stage.whiten_rewards,
        target_kl=stage.target_kl,
        horizon=stage.kl_horizon,
    )

    def credit(policy: "Policy", reference: "Callable[[Sequence[Group]], list[Floats]] | None"):
        assert reference is not None
        return ppo_credit(how, reference=reference, values=values_of(policy, stage.row_tokens))

    return OnPolicyTechnique(
        objective=policy_gradient_objective(variant, stage.temperature),
        credit=credit,
        value=stage.value_model,
        beta=stage.beta,
    )
