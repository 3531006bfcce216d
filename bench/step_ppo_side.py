"""TRL's side of a whole PPO step: `trl.experimental.ppo` of the last release with it, its value model apart.

Run with that release's folder before all others on the path; see `on_policy.py`.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

import torch
from asked import COMPLETION, read_asked
from datasets import Dataset
from job import answer, now, peak, read_job, resident
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer


class EndAt(LogitsProcessor):
    """The end token where a row is as long as it is to be, and never before: this trainer reads lengths from it."""

    def __init__(self, lengths: torch.Tensor, prompt: int, end: int, pad: int) -> None:
        self.total, self.end, self.pad = lengths + prompt, end, pad

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, [self.end, self.pad]] = -torch.inf
        ending = (self.total == input_ids.shape[1] + 1).nonzero()[:, 0]
        scores[ending] = -torch.inf
        scores[ending, self.end] = 0.0
        return scores


class Clock(TrainerCallback):
    """Times of the steps, and the peak of memory at the end of the last one."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.peak = 0

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.times.append(now())
        self.peak = peak()


def main() -> None:
    job = read_job()
    imported = resident()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    asked = read_asked(job.folder)[: job.batch_size]
    tokenizer = AutoTokenizer.from_pretrained(job.model, padding_side="left")
    micro, at_once = (min(job.batch_size, int(n)) for n in job.setting.split("/"))
    clock = Clock()
    models = [
        AutoModelForCausalLM.from_pretrained(Path(job.folder) / "model", dtype=torch.float32) for _ in range(2)
    ] + [
        AutoModelForSequenceClassification.from_pretrained(
            Path(job.folder) / "scored", num_labels=1, dtype=torch.float32
        )
        for _ in range(2)
    ]
    lengths = {tuple(one.prompt): one.lengths[0] for one in asked}
    generate = type(models[0]).generate

    def told(input_ids: torch.Tensor, attention_mask: torch.Tensor, **options: Any) -> Any:
        rows = [tuple(row[mask.bool()].tolist()) for row, mask in zip(input_ids, attention_mask, strict=True)]
        ends = EndAt(
            torch.tensor([lengths[row] for row in rows]),
            input_ids.shape[1],
            tokenizer.eos_token_id,
            tokenizer.pad_token_id,
        )
        return generate(
            models[0],
            input_ids=input_ids,
            attention_mask=attention_mask,
            logits_processor=LogitsProcessorList([ends]),
            **options,
        )

    models[0].generate = told
    with tempfile.TemporaryDirectory() as folder:
        trainer = PPOTrainer(
            args=PPOConfig(
                output_dir=folder,
                per_device_train_batch_size=micro,
                gradient_accumulation_steps=job.batch_size // micro,
                local_rollout_forward_batch_size=at_once,
                total_episodes=job.batch_size * (1 + job.rows // job.batch_size),
                response_length=COMPLETION[1],
                stop_token="eos",
                temperature=1.0,
                learning_rate=job.learning_rate,
                lr_scheduler_type="constant",
                num_sample_generations=0,
                bf16=job.bf16,
                use_cpu=True,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            processing_class=tokenizer,
            model=models[0],
            ref_model=models[1],
            value_model=models[2],
            reward_model=models[3],
            train_dataset=Dataset.from_list([{"input_ids": one.prompt} for one in asked]),
            callbacks=[clock],
        )
        trainer.train()
    answer(
        seconds=clock.times[-1][0] - clock.times[0][0],
        processor_seconds=clock.times[-1][1] - clock.times[0][1],
        peak=clock.peak,
        imported=imported,
        losses=[],
    )


if __name__ == "__main__":
    main()
