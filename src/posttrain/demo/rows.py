"""The demo's data files, drawn from the fictional world by a seed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

from posttrain.demo import stage_rows
from posttrain.demo.sabotage import flip_pairs, reverse_ranks
from posttrain.demo.stage_rows import Row
from posttrain.files import write_whole


def write_data(folder: Path, seed: int, *, sabotage: bool = False) -> None:
    """Write all data files of the demo. The same seed gives the same bytes.

    ==============================  ====================================================================
    ``facts_{train,valid}``         SFT: note → JSON
    ``facts_test``                  evaluation: notes of unseen combinations, clinics and batches
    ``instructions_{train,valid}``  IFT: eight tasks in many wordings, and unjudged replies to use requests
    ``instructions_seen_test``      evaluation: unseen rows in trained wordings
    ``instructions_unseen_test``    evaluation: unseen rows in wordings never trained
    ``instructions_new_task``       a task that is never trained (loss only)
    ``asks_{train,valid}``          DPO: pairs on off-label and on-label use requests
    ``asks_test``                   evaluation: unseen uses in unseen wordings
    ``replies_train``               SFT: replies to reports of side effects, with the faults that people make
    ``drafts_{train,valid,test}``   reward model: rankings of draft replies
    ``reports_{train,test}``        PPO: reports, with what a reply must and must not contain
    ``orders_few``                  SFT: some order notes with their records
    ``orders_{train,valid}``        GRPO: order notes, with the record that rewards compare answers with
    ``orders_test``                 evaluation: notes of unseen combinations and clinics
    ==============================  ====================================================================

    Args:
        sabotage: whether to spoil the training labels of DPO and of the reward model; see `sabotage.py`.
    """
    for name, rows in _files(seed, sabotage=sabotage).items():
        write_whole(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _files(seed: int, *, sabotage: bool) -> Mapping[str, Iterator[Row]]:
    def rng(name: str) -> Random:
        return Random(f"{seed} {name}")  # the rows of a file do not depend on other files

    files = {
        "facts_train": stage_rows.facts_rows(rng("facts_train"), "train", 1500),
        "facts_valid": stage_rows.facts_rows(rng("facts_valid"), "valid", 100),
        "facts_test": stage_rows.facts_test_rows(rng("facts_test"), 200),
        "instructions_train": stage_rows.instruction_rows(rng("instructions_train"), "train", 6000),
        "instructions_valid": stage_rows.instruction_rows(rng("instructions_valid"), "valid", 150),
        "instructions_seen_test": stage_rows.instruction_test_rows(rng("seen"), 240, seen=True),
        "instructions_unseen_test": stage_rows.instruction_test_rows(rng("unseen"), 240, seen=False),
        "instructions_new_task": stage_rows.new_task_rows(rng("new_task"), 60),
        "asks_train": stage_rows.use_request_pairs(rng("asks_train"), "train", 3000),
        "asks_valid": stage_rows.use_request_pairs(rng("asks_valid"), "valid", 60),
        "asks_test": stage_rows.use_request_test_rows(rng("asks_test"), 200),
        "replies_train": stage_rows.reply_rows(rng("replies_train"), "train", 800),
        "drafts_train": stage_rows.ranking_rows(rng("drafts_train"), "train", 2400),
        "drafts_valid": stage_rows.ranking_rows(rng("drafts_valid"), "valid", 60),
        "drafts_test": stage_rows.ranking_rows(rng("drafts_test"), "test", 240),
        "reports_train": stage_rows.report_rows(rng("reports_train"), "train", 1000),
        "reports_test": stage_rows.report_rows(rng("reports_test"), "test", 100),
        "orders_few": stage_rows.shown_order_rows(rng("orders_few"), 60),
        "orders_train": stage_rows.order_rows(rng("orders_train"), "train", 1000),
        "orders_valid": stage_rows.order_rows(rng("orders_valid"), "valid", 100),
        "orders_test": stage_rows.order_test_rows(rng("orders_test"), 200),
    }
    if sabotage:
        files["asks_train"] = flip_pairs(files["asks_train"], rng("flipped pairs"))
        files["drafts_train"] = reverse_ranks(files["drafts_train"], rng("reversed ranks"))
    return files
