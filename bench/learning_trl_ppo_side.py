"""TRL's side of PPO in `learning.py`: `trl.experimental.ppo`, in an environment of its own.

The value model starts from the start model, with a head of zeros, as posttrain's does.
"""

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from learning_data import NEW_TOKENS, Task, in_order, task_from
from learning_ppo import CLIP, GAMMA, KL, LAMBDA, VALUE_CLIP, VALUE_WEIGHT, reward_model
from safetensors.torch import save_file
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer


class Saver(TrainerCallback):
    """Saves the policy's weights after the plan's steps. The trainer counts rollouts."""

    def __init__(self, task: Task, seed: int, policy: torch.nn.Module) -> None:
        self.task, self.seed, self.policy = task, seed, policy

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.save(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = state.global_step * self.task.plan.epochs
        if step in self.task.plan.saved:
            self.save(step)

    def save(self, step: int) -> None:
        """Write the weights by name, tied ones once."""
        path = self.task.weights(self.seed, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: p.detach().contiguous() for name, p in self.policy.named_parameters()}, path)


def options_of(task: Task, seed: int, output: str) -> PPOConfig:
    """The plan's settings in TRL's names."""
    plan = task.plan
    return PPOConfig(
        output_dir=output,
        seed=seed,
        per_device_train_batch_size=plan.batch_size,
        local_rollout_forward_batch_size=plan.batch_size,
        total_episodes=plan.updates // plan.epochs * plan.batch_size,
        num_ppo_epochs=plan.epochs,
        num_mini_batches=1,
        response_length=NEW_TOKENS,
        stop_token="eos",
        temperature=1.0,
        kl_coef=KL,
        kl_estimator="k1",
        gamma=GAMMA,
        lam=LAMBDA,
        cliprange=CLIP,
        cliprange_value=VALUE_CLIP,
        vf_coef=VALUE_WEIGHT,
        whiten_rewards=False,
        missing_eos_penalty=None,
        learning_rate=plan.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        num_sample_generations=0,
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def train(task: Task, seed: int, output: str) -> None:
    """One run."""
    rows = in_order(Path(task.folder), task.plan, seed)
    tokenizer = AutoTokenizer.from_pretrained(task.model, padding_side="left")
    policy, reference = (AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32) for _ in range(2))
    value, judge = (
        AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
        for folder in (task.model, reward_model(task.folder))
    )
    torch.nn.init.zeros_(value.score.weight)
    data: Any = Dataset.from_list([{"input_ids": row["prompt"]} for row in rows])
    trainer = PPOTrainer(
        args=options_of(task, seed, output),
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        value_model=value,
        reward_model=judge,
        train_dataset=data,
        callbacks=[Saver(task, seed, policy)],
    )
    # The trainer would shuffle the rows.
    trainer.dataloader = DataLoader(
        data, batch_size=task.plan.batch_size, collate_fn=DataCollatorWithPadding(tokenizer)
    )
    trainer.train()


def main() -> None:
    logging.disable(logging.WARNING)
    task = task_from(sys.argv[1])
    for seed in task.seeds:
        with tempfile.TemporaryDirectory() as output:
            train(task, seed, output)


if __name__ == "__main__":
    main()
