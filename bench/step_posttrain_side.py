"""posttrain's side of a whole on-policy step: what the `grpo` and `ppo` stages run, on token ids."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asked import COMPLETION, read_asked, share_of_e, written_each
from job import Clock, Job, answer, read_job, resident
from posttrain_side import LORA, options_of
from write_posttrain_side import end_at

from posttrain.advantages.options import GRPOAdvantageOptions, PPOAdvantageOptions
from posttrain.core.outputs import Objective
from posttrain.data.chat.renderer import Renderer
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.engine import policy_generate
from posttrain.generation.sampling import Sampling
from posttrain.malloc import settle_heap
from posttrain.objectives.options import PolicyGradientOptions, ValueOptions
from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.lora.adapters import add_lora
from posttrain.policy.probe import settle_layout
from posttrain.policy.reference_model import freeze, frozen_logprobs
from posttrain.policy.value_head import add_value_head
from posttrain.rewards.score import Reward
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.rollouts.maker import RolloutSpec, rollout_maker
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.ppo import ppo_advantages, values_of
from posttrain.rollouts.scoring import RewardModel, Scorer
from posttrain.rollouts.source import Rollouts
from posttrain.rollouts.types import AdvantageFn, RolloutState
from posttrain.train.loop import Callbacks, Training, train_policy

EPOCHS = {"grpo": 1, "ppo": 4}
"""How often a rollout is learnt from."""


def loaded(job: Job, task: Any = "causal") -> Policy:
    """A model that can share prompts."""
    folder = "scored" if task == "score" else "model"
    dtype = torch.bfloat16 if job.lora and job.bf16 else torch.float32  # of a frozen base, as `policy.device` has it
    autocast = torch.bfloat16 if job.bf16 else None
    policy = load_policy(str(Path(job.folder) / folder), task=task, dtype=dtype, autocast=autocast)
    settle_layout(policy)
    return policy


def technique_of(job: Job, policy: Policy, row_tokens: int) -> tuple[Objective, AdvantageFn, float]:
    """Objective, advantages and first KL coefficient."""
    copy = None if job.lora else freeze(loaded(job))
    reference = frozen_logprobs(policy, copy, row_tokens=row_tokens, temperature=1.0)
    if job.task == "grpo":
        advantages = grpo_advantages(GRPOAdvantageOptions(), reference=reference)
        return policy_gradient_objective(PolicyGradientOptions(), kl_weight=0.04), advantages, 0.0
    add_value_head(policy)
    how = PPOAdvantageOptions(normalize=False, missing_eos_penalty=0.0)
    advantages = ppo_advantages(how, reference=reference, values=values_of(policy, row_tokens))
    return policy_gradient_objective(PolicyGradientOptions(), value=ValueOptions()), advantages, 0.05


def main() -> None:
    settle_heap()  # as `posttrain run` does
    job = read_job()
    imported = resident()
    torch.manual_seed(0)
    asked, n, each = read_asked(job.folder)[: job.batch_size], written_each(job.task), EPOCHS[job.task]
    end_at(asked)
    policy = loaded(job)
    if job.lora:
        add_lora(policy, LORA)
    steps = (1 + job.rows // job.batch_size) * each
    options = options_of(job, policy, max_steps=steps, epochs=steps)
    objective, advantages, beta = technique_of(job, policy, options.row_tokens)
    rule = {"rule": Reward(lambda completions, rows: list(map(share_of_e, completions)))} if job.task == "grpo" else {}
    judges = {"model": RewardModel(freeze(loaded(job, "score")), 1.0)} if job.task == "ppo" else {}
    prompts = [
        Prompt(str(i), ({"role": "user", "content": ""},), np.array(one.prompt, np.int32), {})
        for i, one in enumerate(asked)
    ]
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = RolloutSpec(
            policy,
            Renderer(policy.tokenizer, None, frozenset(policy.end_tokens), 2048),
            policy_generate(policy, 128),
            prompts,
            lambda epoch: range(len(prompts)),
            Sampling(COMPLETION[1]),
            n,
            len(prompts),
            Scorer(rule, judges, options.row_tokens, 0.0, print),
        )
        source = Rollouts(
            rollout_maker(spec, advantages, AlarmOptions(), folder / "completions", on_note=lambda sentence: None),
            prompts=len(prompts),
            batch_size=job.batch_size,
            minibatches=1,
            inner_epochs=each,
            folder=folder / "rollouts",
            seed=0,
            start=RolloutState(beta=beta),
        )
        train_policy(Training(policy, source, objective, options, folder), Callbacks(on_step=clock.on_step))
    answer(
        seconds=clock.times[-1][0] - clock.times[each - 1][0],
        processor_seconds=clock.times[-1][1] - clock.times[each - 1][1],
        peak=clock.peak,
        imported=imported,
        losses=clock.losses[each:],
    )


if __name__ == "__main__":
    main()
