"""TRL's side of a whole GRPO step: its GRPOTrainer on the same prompts, completions of the same lengths."""

import logging
import tempfile
from functools import partial
from typing import Any

import torch
from asked import COMPLETION, Asked, N, read_asked, share_of_e
from datasets import Dataset
from job import answer, read_job, resident
from transformers import AutoTokenizer, StoppingCriteriaList
from trl import GRPOConfig, GRPOTrainer
from trl_side import Clock, adapters
from write_trl_side import EndAt

WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "static cache": {"cache_implementation": "static"},
    "static cache, micro-batches of 8": {"cache_implementation": "static"},
}
"""Ways to write and to batch; ", no checkpointing" may follow."""


class Metrics(GRPOTrainer):
    """A GRPOTrainer whose prompts are places in a list of token ids, and whose completions end where they are told."""

    asked: list[Asked]

    def _tokenize_prompts(self, prompts: list[str]) -> Any:
        self.places = list(map(int, prompts))
        return [self.asked[place].prompt for place in self.places], None, {}

    def _generate_single_turn(self, prompt_ids: Any, *others: Any, **named: Any) -> Any:
        left = {place: iter(one.lengths) for place, one in enumerate(self.asked)}
        lengths = [next(left[place]) for place in self.places]
        ends = StoppingCriteriaList([EndAt(lengths, max(map(len, prompt_ids)))])
        model = self.accelerator.unwrap_model(self.model_wrapped)
        model.generate = partial(type(model).generate, model, stopping_criteria=ends)
        rows, logprobs = super()._generate_single_turn(prompt_ids, *others, **named)
        return [row[:length] for row, length in zip(rows, lengths, strict=True)], logprobs


def main() -> None:
    job = read_job()
    imported = resident()
    logging.disable(logging.WARNING)
    unchecked = job.setting.endswith(", no checkpointing")
    way = job.setting.removesuffix(", no checkpointing")
    torch.manual_seed(0)
    steps = 1 + job.rows // job.batch_size
    micro = 8 if way.endswith("of 8") else job.batch_size * N
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Metrics(
            model=job.model,
            reward_funcs=lambda completions, **_: list(map(share_of_e, completions)),
            args=GRPOConfig(
                output_dir=folder,
                model_init_kwargs={"dtype": torch.float32},
                per_device_train_batch_size=micro,
                gradient_accumulation_steps=job.batch_size * N // micro,
                num_generations=N,
                max_completion_length=COMPLETION[1],
                max_steps=steps,
                beta=0.04,
                learning_rate=job.learning_rate,
                lr_scheduler_type="constant",
                shuffle_dataset=False,
                bf16=job.bf16,
                use_cpu=True,
                report_to="none",
                save_strategy="no",
                logging_steps=1,
                disable_tqdm=True,
                dataloader_pin_memory=False,
                **({"gradient_checkpointing": False} if unchecked else {}),
                **WAYS[way],
            ),
            train_dataset=Dataset.from_list([{"prompt": str(place)} for place in range(job.batch_size)]),
            processing_class=AutoTokenizer.from_pretrained(job.model),
            peft_config=adapters(job) if job.lora else None,
            callbacks=[clock],
        )
        trainer.asked = read_asked(job.folder)[: job.batch_size]
        trainer.generation_config.eos_token_id = None
        trainer.generation_kwargs["eos_token_id"] = None
        trainer.model.generation_config.eos_token_id = None
        trainer.eos_token_ids = []
        trainer.train()
    answer(
        seconds=clock.times[-1][0] - clock.times[0][0],
        processor_seconds=clock.times[-1][1] - clock.times[0][1],
        peak=clock.peak,
        imported=imported,
        losses=clock.losses[1:],
    )


if __name__ == "__main__":
    main()
