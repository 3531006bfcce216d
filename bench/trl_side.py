"""TRL's side: its trainers on the same token ids, in one of its own settings."""

import logging
import tempfile
from typing import Any

import torch
from datasets import Dataset
from job import Job, answer, now, peak, read_job, resident
from peft import LoraConfig
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer, SFTConfig, SFTTrainer

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "padding-free": {"padding_free": True, "max_length": None},
    "packing": {"packing": True, "per_device_train_batch_size": 1},
    "precomputed": {"precompute_ref_log_probs": True},
}
"""TRL's ways to batch, and the reference's log-probs made beforehand; ", no checkpointing" may follow.

"packing" is rows of about a batch's tokens, one a step, so that it makes as many steps as the others."""


def dataset_of(job: Job) -> Dataset:
    """Rows in the tokenised form that the trainers take as it is."""
    if job.task == "sft":
        return Dataset.from_list(
            [
                {
                    "input_ids": row["prompt"] + row["completion"],
                    "labels": [-100] * len(row["prompt"]) + row["completion"],
                }
                for row in job.data
            ]
        )
    if job.task == "dpo":
        return Dataset.from_list([{f"{part}_ids": ids for part, ids in row.items()} for row in job.data])
    return Dataset.from_list(
        [{f"{part}_ids": row["prompt"] + row[part] for part in ("chosen", "rejected")} for row in job.data]
    )


class TokenisedDPO(DPOTrainer):
    """DPOTrainer has no tokenised form, so the step that makes it is left out."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


class Clock(TrainerCallback):
    """Times and losses of the steps, and the peak of memory at the end of the last one."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.losses: list[float] = []
        self.peak = 0

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(now())
        self.peak = peak()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self.losses.append(float(logs["loss"]))


def adapters(job: Job) -> LoraConfig:
    """The adapters that both sides train."""
    return LoraConfig(
        r=16,
        lora_alpha=32,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="SEQ_CLS" if job.task == "reward" else "CAUSAL_LM",
    )


def main() -> None:
    job = read_job()
    imported = resident()
    way, _, unchecked = job.setting.partition(", ")
    torch.manual_seed(0)
    logging.disable(logging.WARNING)
    trainer_class, config_class = {
        "sft": (SFTTrainer, SFTConfig),
        "dpo": (TokenisedDPO, DPOConfig),
        "reward": (RewardTrainer, RewardConfig),
    }[job.task]
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "output_dir": folder,
            "per_device_train_batch_size": job.batch_size,
            "num_train_epochs": 1,
            "learning_rate": job.learning_rate,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.0,
            "train_sampling_strategy": "sequential",
            "bf16": job.bf16,
            "use_cpu": True,
            "report_to": "none",
            "save_strategy": "no",
            "logging_steps": 1,
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            **SETTINGS[way],
        }
        if unchecked:
            options["gradient_checkpointing"] = False
        if way == "packing":
            options["max_length"] = packed_length(job)
        started = now()
        trainer = trainer_class(
            model=job.model,
            args=config_class(model_init_kwargs={"dtype": torch.float32}, **options),
            train_dataset=dataset_of(job),
            processing_class=AutoTokenizer.from_pretrained(job.model),
            peft_config=adapters(job) if job.lora else None,
            callbacks=[clock],
        )
        share = 0.0
        if way == "precomputed":  # one batch of it is the warm-up's
            share = job.rows / (job.rows + job.batch_size)
        wall, processor = (share * (after - before) for after, before in zip(now(), started, strict=True))
        trainer.train()
        covered = 1.0
        if way == "packing":  # the first row, not counted, holds more or less than a batch
            sizes = [len(row["input_ids"]) for row in trainer.train_dataset]
            covered = sum(sizes[1:]) / (sum(sizes) - sum(map(len_of, job.data[: job.batch_size])))
    answer(
        seconds=wall + clock.times[-1][0] - clock.times[0][0],
        processor_seconds=processor + clock.times[-1][1] - clock.times[0][1],
        peak=clock.peak,
        imported=imported,
        losses=clock.losses[1 : len(clock.times)],
        share=covered,
    )


def len_of(row: dict[str, list[int]]) -> int:
    """Tokens of an instruction row."""
    return len(row["prompt"]) + len(row["completion"])


def packed_length(job: Job) -> int:
    """Tokens of a packed row such that the data makes about as many rows as the other settings make steps."""
    sizes = [len_of(row) for row in job.data]
    return max(max(sizes), -(-sum(sizes) * job.batch_size // len(sizes)))


if __name__ == "__main__":
    main()
