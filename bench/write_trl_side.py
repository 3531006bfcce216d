"""The peers' side of generation: `GRPOTrainer`'s own call, by `generate` or by transformers' continuous batching."""

import logging
import tempfile
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from asked import COMPLETION, Asked, N, read_asked
from datasets import Dataset
from job import Job, answer, now, peak, read_job, resident
from transformers import AutoTokenizer, StoppingCriteria, StoppingCriteriaList
from transformers.generation.continuous_batching import ContinuousBatchingManager
from trl import GRPOConfig, GRPOTrainer

SETTINGS: dict[str, dict[str, Any]] = {
    "generate": {},
    "generate, static cache": {"cache_implementation": "static"},
    "continuous batching": {"use_transformers_continuous_batching": True},
    "continuous batching, 16 at once": {
        "use_transformers_continuous_batching": True,
        "transformers_continuous_batching_config": {"page_size": 32, "num_blocks": 512, "max_requests_per_batch": 16},
    },
}
"""The ways GRPOTrainer has to write on a CPU; as shipped, continuous batching takes as much memory as there is, and
every token's scores against the keys of all that is being written, so that few at once are faster."""


class EndAt(StoppingCriteria):
    """Says of each row whether it is as long as it is to be; `generate` then has nothing else to look at."""

    def __init__(self, lengths: Sequence[int], prompt: int) -> None:
        self.total = torch.tensor(lengths) + prompt

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        return input_ids.shape[1] >= self.total


def trainer_of(job: Job, folder: str) -> GRPOTrainer:
    """A GRPOTrainer that would write for all rows at once."""
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    return GRPOTrainer(
        model=job.model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=folder,
            model_init_kwargs={"dtype": torch.float32},
            per_device_train_batch_size=job.rows * N,
            num_generations=N,
            max_completion_length=COMPLETION[1],
            bf16=job.bf16,
            use_cpu=True,
            report_to="none",
            **SETTINGS[job.setting],
        ),
        train_dataset=Dataset.from_list([{"prompt": "x"}] * job.rows),
        processing_class=tokenizer,
    )


def write(trainer: GRPOTrainer, asked: list[Asked]) -> list[list[int]]:
    """As the trainer does it, and until each completion is as long as it is to be."""
    ids = [one.prompt for one in asked for _ in range(N)]
    lengths = [length for one in asked for length in one.lengths]
    if trainer.use_transformers_continuous_batching:
        left = {}
        for prompt, length in zip(ids, lengths, strict=True):
            left.setdefault(tuple(prompt), []).append(length)

        def add(self: ContinuousBatchingManager, input_ids: list[int], **options: Any) -> Any:
            told = {"max_new_tokens": left[tuple(input_ids)].pop(0), "eos_token_id": -1}
            return add_request(self, input_ids, **{**options, **told})

        add_request = ContinuousBatchingManager.add_request
        ContinuousBatchingManager.add_request = add
        try:
            return trainer._generate_single_turn(ids, None, {}, N)[0]
        finally:
            ContinuousBatchingManager.add_request = add_request
    trainer.generation_config.eos_token_id = None
    trainer.model.generation_config.eos_token_id = None
    trainer.eos_token_ids = []
    ends = StoppingCriteriaList([EndAt(lengths, max(map(len, ids)))])
    generate = type(trainer.model).generate
    trainer.model.generate = partial(generate, trainer.model, stopping_criteria=ends)
    rows = trainer._generate_single_turn(ids, None, {}, N)[0]
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


def main() -> None:
    job = read_job()
    imported = resident()
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    asked = read_asked(job.folder)[: job.rows]
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(job, folder)
        trainer.model_wrapped = trainer.model
        write(trainer, asked[:2])
        started = now()
        rows = write(trainer, asked)
        seconds, processor_seconds = (after - before for after, before in zip(now(), started, strict=True))
    assert sorted(map(len, rows)) == sorted(length for one in asked for length in one.lengths)
    answer(seconds=seconds, processor_seconds=processor_seconds, peak=peak(), imported=imported, losses=[])


if __name__ == "__main__":
    main()
