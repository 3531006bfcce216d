"""posttrain's side of `learning.py`: the loop that a stage runs, on token ids; the weights are those of checkpoints."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from learning_data import BETA, GROUP, NEW_TOKENS, Row, Task, in_order, story_reward, task_from
from learning_posttrain_ppo import is_value, ppo_objective, ppo_rollouts
from learning_ppo import KL, NO_CLIP
from posttrain_side import with_reference
from safetensors.torch import load_file, save_file

from posttrain.advantages.options import GRPOAdvantageOptions
from posttrain.core.group import Completion, Group
from posttrain.core.outputs import Objective
from posttrain.data.chat.renderer import Renderer
from posttrain.data.sets.prompts import Prompt
from posttrain.generation.engine import policy_generate
from posttrain.generation.sampling import Sampling
from posttrain.malloc import settle_heap
from posttrain.objectives.dpo import dpo_objective
from posttrain.objectives.options import BradleyTerryOptions, DPOOptions, PolicyGradientOptions
from posttrain.objectives.policy_gradient import policy_gradient_objective
from posttrain.objectives.reward import reward_objective
from posttrain.objectives.sft import SFT
from posttrain.policy.load import Policy, load_policy
from posttrain.policy.probe import settle_layout
from posttrain.policy.shard import local_parameters
from posttrain.policy.value_head import add_value_head
from posttrain.rewards.score import Reward
from posttrain.rollouts.grpo import grpo_advantages
from posttrain.rollouts.maker import RolloutSpec, rollout_maker
from posttrain.rollouts.options import AlarmOptions
from posttrain.rollouts.scoring import RewardModel, Scorer
from posttrain.rollouts.source import Rollouts
from posttrain.rollouts.types import RolloutState
from posttrain.train.batches import BatchSource, DatasetBatches
from posttrain.train.checkpoint import load_weights, save_weights
from posttrain.train.loop import Training, train_policy
from posttrain.train.options import TrainOptions

RULE = Reward(
    lambda completions, rows: [story_reward(t, row["word"]) for t, row in zip(completions, rows, strict=True)]
)


def group_of(name: str, row: Row) -> Group:
    """A row as a group."""
    parts = [row[part] for part in ("completion", "chosen", "rejected") if part in row]
    completions = tuple(Completion(np.array(ids, np.int32), np.ones(len(ids), np.bool_)) for ids in parts)
    columns = {"rank": np.array([1, 2], np.float32)} if len(parts) == 2 else {}
    return Group(name, np.array(row["prompt"], np.int32), completions, columns)


def data_source(task: Task, policy: Policy, rows: list[Row], row_tokens: int) -> BatchSource:
    """The steps of a data set."""
    groups = [group_of(f"row {n}", row) for n, row in enumerate(rows)]
    if task.technique == "dpo":
        groups = with_reference(policy, groups, row_tokens)
    sizes = [group.size for group in groups]
    return DatasetBatches(groups, sizes, lambda epoch: range(len(groups)), batch_size=task.plan.batch_size)


def rollout_source(task: Task, policy: Policy, rows: list[Row], seed: int, folder: Path) -> BatchSource:
    """The steps of completions that the policy writes: GRPO's or PPO's."""
    rules: dict[str, Reward] = {"rule": RULE}
    judges: dict[str, RewardModel] = {}
    advantages = grpo_advantages(GRPOAdvantageOptions(), reference=None)
    if ppo := task.technique == "ppo":
        advantages, judge = ppo_rollouts(task, policy, 2048)
        rules, judges = {}, {"model": judge}
    prompts = [
        Prompt(str(n), ({"role": "user", "content": row["text"]},), np.array(row["prompt"], np.int32), row)
        for n, row in enumerate(rows)
    ]
    spec = RolloutSpec(
        policy,
        Renderer(policy.tokenizer, None, frozenset(policy.end_tokens), 512),
        policy_generate(policy, 64),
        prompts,
        lambda epoch: range(len(prompts)),
        Sampling(NEW_TOKENS, seed=seed),
        1 if ppo else GROUP,
        task.plan.batch_size,
        Scorer(rules, judges, 2048, 0.0, print),
    )
    make = rollout_maker(spec, advantages, AlarmOptions(), folder / "completions", on_note=lambda sentence: None)
    return Rollouts(
        make,
        prompts=len(prompts),
        batch_size=task.plan.batch_size,
        minibatches=1,
        inner_epochs=task.plan.epochs,
        folder=folder / "rollouts",
        seed=seed,
        start=RolloutState(beta=KL if ppo else 0.0),
    )


def keep_policy(source: Path, target: Path) -> None:
    """Copy saved weights without those of a value."""
    save_file({name: p for name, p in load_file(source).items() if not is_value(name)}, target)


def train(task: Task, seed: int, folder: Path) -> None:
    """One run."""
    plan, rows = task.plan, in_order(Path(task.folder), task.plan, seed)
    torch.manual_seed(seed)
    policy = load_policy(task.model, task="score" if task.technique == "reward" else "causal")
    settle_layout(policy)
    options = TrainOptions(
        batch_size=plan.batch_size,
        max_steps=plan.updates,
        epochs=plan.epochs,
        learning_rate=plan.learning_rate,
        schedule="constant",
        warmup=0.0,
        save_every=plan.every,
        keep_checkpoints=plan.updates,
        max_grad_norm=NO_CLIP if task.technique == "ppo" else 1.0,
    )
    objectives: dict[str, Objective] = {
        "sft": SFT,
        "dpo": dpo_objective(DPOOptions(beta=BETA)),
        "reward": reward_objective(BradleyTerryOptions()),
        "grpo": policy_gradient_objective(PolicyGradientOptions()),
        "ppo": ppo_objective(),
    }
    if task.technique == "ppo":
        add_value_head(policy, separate=True)  # as TRL's value model
    if task.technique in ("grpo", "ppo"):
        source = rollout_source(task, policy, rows, seed, folder)
    else:
        source = data_source(task, policy, rows, options.row_tokens)
    if task.side == "posttrain-head":
        load_weights(task.weights(seed, 0, "trl"), policy, local_parameters(policy))
    first = task.weights(seed, 0)
    first.parent.mkdir(parents=True, exist_ok=True)
    save_weights(first, policy)
    keep_policy(first, first)
    train_policy(Training(policy, source, objectives[task.technique], options, folder))
    for step in plan.saved[1:]:
        saved = folder / "checkpoints" / f"step-{step:08d}" / "weights.safetensors"
        keep_policy(saved, task.weights(seed, step))


def main() -> None:
    settle_heap()  # as `posttrain run` does
    task = task_from(sys.argv[1])
    for seed in task.seeds:
        with tempfile.TemporaryDirectory() as folder:
            train(task, seed, Path(folder))


if __name__ == "__main__":
    main()
