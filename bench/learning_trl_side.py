"""TRL's side of `learning.py`: its trainers on the same token ids, the weights saved at the same steps."""

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from learning_data import BETA, GROUP, NEW_TOKENS, Row, Task, in_order, story_reward, task_from
from safetensors.torch import save_file
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOConfig, GRPOConfig, GRPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer
from trl_side import TokenisedDPO


class Saver(TrainerCallback):
    """Saves the weights after the plan's steps."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed = task, seed

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.save(0, model)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step in self.task.plan.saved:
            self.save(state.global_step, model)

    def save(self, step: int, model: Any) -> None:
        """Write the weights by name, tied ones once."""
        path = self.task.weights(self.seed, step)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: p.detach().contiguous() for name, p in model.named_parameters()}, path)


class TokenisedGRPO(GRPOTrainer):
    """A GRPOTrainer whose prompts are known as token ids."""

    ids: dict[str, list[int]]

    def _tokenize_prompts(self, prompts: list[str]) -> Any:
        return [self.ids[prompt] for prompt in prompts], None, {}


def dataset_of(technique: str, rows: list[Row]) -> Dataset:
    """Rows in the form that each trainer takes as it is."""

    def row_of(row: Row) -> Row:
        if technique == "sft":
            ids = row["prompt"] + row["completion"]
            return {"input_ids": ids, "labels": [-100] * len(row["prompt"]) + row["completion"]}
        if technique == "dpo":
            return {f"{part}_ids": row[part] for part in ("prompt", "chosen", "rejected")}
        if technique == "reward":
            return {f"{part}_ids": row["prompt"] + row[part] for part in ("chosen", "rejected")}
        return {"prompt": row["text"], "word": row["word"]}

    return Dataset.from_list(list(map(row_of, rows)))


def reward(completions: list[str], word: list[str], **_: Any) -> list[float]:
    """The rule, as TRL calls it."""
    return [story_reward(text, one) for text, one in zip(completions, word, strict=True)]


def train(task: Task, seed: int, output: str) -> None:
    """One run."""
    plan, rows = task.plan, in_order(Path(task.folder), task.plan, seed)
    options: dict[str, Any] = {
        "output_dir": output,
        "model_init_kwargs": {"dtype": torch.float32},
        "per_device_train_batch_size": plan.batch_size,
        "num_train_epochs": 1,
        "learning_rate": plan.learning_rate,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "seed": seed,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    shared: dict[str, Any] = {
        "model": task.model,
        "train_dataset": dataset_of(task.technique, rows),
        "processing_class": AutoTokenizer.from_pretrained(task.model),
        "callbacks": [Saver(task, seed)],
    }
    torch.manual_seed(seed)
    trainer: Any
    if task.technique == "grpo":
        options |= {
            "per_device_train_batch_size": plan.batch_size * GROUP,
            "num_generations": GROUP,
            "max_completion_length": NEW_TOKENS,
            "max_steps": plan.updates,
            "shuffle_dataset": False,
        }
        trainer = TokenisedGRPO(reward_funcs=reward, args=GRPOConfig(**options), **shared)
        trainer.ids = {row["text"]: row["prompt"] for row in rows}
    else:
        options["train_sampling_strategy"] = "sequential"
        if task.technique == "dpo":
            trainer = TokenisedDPO(args=DPOConfig(beta=BETA, **options), **shared)
        elif task.technique == "reward":
            trainer = RewardTrainer(args=RewardConfig(**options), **shared)
        else:
            trainer = SFTTrainer(args=SFTConfig(**options), **shared)
    trainer.train()


def main() -> None:
    logging.disable(logging.WARNING)
    task = task_from(sys.argv[1])
    for seed in task.seeds:
        with tempfile.TemporaryDirectory() as output:
            train(task, seed, output)


if __name__ == "__main__":
    main()
