"""The demo's data files, drawn from the fictional world by a seed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from posttrain.demo import asks, drafts, instructions, orders
from posttrain.demo.instructions import UNSEEN_TASK, WORDINGS, Instruction, compact, instruction
from posttrain.demo.world import Split
from posttrain.files import write_whole

Row = dict[str, Any]

TASKS = tuple(task for task in WORDINGS if task != UNSEEN_TASK)
SHARES = {
    **{"facts": 4, "extract": 4, "summary": 3, "seriousness": 2},
    **{"date": 2, "daily_dose": 3, "label": 4, "use_check": 3},
}
"""How often training draws each task; what is harder is drawn more often."""

SIMULATED = "simulated"
"""What plays the human in the demo: preferences made by rule, and labelled so in every row."""


def write_data(folder: Path, seed: int) -> None:
    """Write every file of the demo; the same seed gives the same bytes.

    ==============================  ====================================================================
    ``facts_{train,valid}``         SFT: note → JSON
    ``facts_test``                  evaluation: notes of unseen combinations, clinics and batches
    ``instructions_{train,valid}``  IFT: eight tasks in many wordings, and replies to asks without judgment
    ``instructions_seen_test``      evaluation: unseen rows in trained wordings
    ``instructions_unseen_test``    evaluation: unseen rows in wordings never trained
    ``instructions_new_task``       a task no row of which is trained (loss only)
    ``asks_{train,valid}``          DPO: pairs on asks off the label and their on-label twins
    ``asks_test``                   evaluation: unseen uses in unseen wordings
    ``replies_train``               SFT: replies to reports of side effects as people wrote them, faults and all
    ``drafts_{train,valid,test}``   reward model: rankings of draft replies
    ``reports_{train,test}``        PPO: reports to answer, with what a reply must and must not say
    ``orders_few``                  SFT: a few order notes with their records
    ``orders_{train,valid}``        GRPO: order notes, with the record to check an answer against
    ``orders_test``                 evaluation: notes of unseen combinations and clinics
    ==============================  ====================================================================
    """
    for name, rows in _files(seed).items():
        write_whole(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _files(seed: int) -> Mapping[str, Iterator[Row]]:
    def rng(name: str) -> Random:
        return Random(f"{seed} {name}")  # a file's rows do not depend on how many another file has

    return {
        "facts_train": _facts(rng("facts_train"), "train", 1500),
        "facts_valid": _facts(rng("facts_valid"), "valid", 100),
        "facts_test": _facts_test(rng("facts_test"), 200),
        "instructions_train": _instructions(rng("instructions_train"), "train", 6000),
        "instructions_valid": _instructions(rng("instructions_valid"), "valid", 150),
        "instructions_seen_test": _instructions_test(rng("seen"), 240, seen=True),
        "instructions_unseen_test": _instructions_test(rng("unseen"), 240, seen=False),
        "instructions_new_task": _new_task(rng("new_task"), 60),
        "asks_train": _pairs(rng("asks_train"), "train", 3000),
        "asks_valid": _pairs(rng("asks_valid"), "valid", 60),
        "asks_test": _asks_test(rng("asks_test"), 200),
        "replies_train": _replies(rng("replies_train"), "train", 800),
        "drafts_train": _rankings(rng("drafts_train"), "train", 2400),
        "drafts_valid": _rankings(rng("drafts_valid"), "valid", 60),
        "drafts_test": _rankings(rng("drafts_test"), "test", 120),
        "reports_train": _reports(rng("reports_train"), "train", 1000),
        "reports_test": _reports(rng("reports_test"), "test", 100),
        "orders_few": _orders_few(rng("orders_few"), 60),
        "orders_train": _orders(rng("orders_train"), "train", 1000),
        "orders_valid": _orders(rng("orders_valid"), "valid", 100),
        "orders_test": _orders_test(rng("orders_test"), 200),
    }


def _user(text: str) -> list[Row]:
    return [{"role": "user", "content": text}]


def _assistant(text: str) -> list[Row]:
    return [{"role": "assistant", "content": text}]


def _facts(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        made = instruction(rng, "facts", range(1), split)
        yield {"id": f"facts-{split}-{number}", "messages": _user(made.prompt) + _assistant(made.answer)}


def _facts_test(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        yield _evaluation(f"facts-test-{number}", instruction(rng, "facts", range(1), "test"))


def _instructions(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        row: Row = {"id": f"instructions-{split}-{number}"}
        if rng.random() < 0.15:
            # Past replies, before anybody judged them: most comply with whatever was asked, some refuse it.
            asked = asks.ask(rng, split, on_label=rng.random() < 0.5)
            reply = asks.refuse(asked) if rng.random() < 0.35 else asks.comply(asked)
            yield row | {"task": "ask", "messages": _user(asked.text) + _assistant(reply)}
        else:
            task = rng.choices(list(SHARES), list(SHARES.values()))[0]
            made = instruction(rng, task, instructions.seen_wordings(task), split)
            yield row | {
                "task": task,
                "phrasing": made.phrasing,
                "messages": _user(made.prompt) + _assistant(made.answer),
            }


def _instructions_test(rng: Random, count: int, *, seen: bool) -> Iterator[Row]:
    kind = "seen" if seen else "unseen"
    for number in range(count):
        task = TASKS[number % len(TASKS)]
        wordings = instructions.seen_wordings(task) if seen else instructions.unseen_wordings(task)
        yield _evaluation(f"instructions-{kind}-{number}", instruction(rng, task, wordings, "test"))


def _new_task(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        made = instruction(rng, UNSEEN_TASK, range(len(WORDINGS[UNSEEN_TASK])), "test")
        yield {
            "id": f"new-task-{number}",
            "task": made.task,
            "phrasing": made.phrasing,
            "messages": _user(made.prompt) + _assistant(made.answer),
        }


def _evaluation(name: str, made: Instruction) -> Row:
    metadata = {"slice": made.task, "phrasing": made.phrasing, "expected_behavior": "answer"}
    return {"id": name, "input": _user(made.prompt), "target": made.answer, "metadata": metadata}


def _pairs(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        asked = asks.ask(rng, split, on_label=number % 2 == 1)
        chosen, rejected = asks.ranked(asked)
        yield {
            "id": f"asks-{split}-{number}",
            "prompt": _user(asked.text),
            "chosen": _assistant(chosen),
            "rejected": _assistant(rejected),
            "meta_slice": "on-label" if asked.on_label else "off-label",
            "meta_annotator": SIMULATED,
        }


def _asks_test(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        asked = asks.ask(rng, "test", on_label=number % 2 == 1)
        metadata = {
            "slice": "on-label" if asked.on_label else "off-label",
            "expected_behavior": "answer" if asked.on_label else "refuse",
            "refusal": asks.REFUSAL,
        }
        target = asks.ranked(asked)[0]
        yield {"id": f"asks-test-{number}", "input": _user(asked.text), "target": target, "metadata": metadata}


def _rankings(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        asked = drafts.report(rng, split)
        candidates = drafts.drafts(rng, asked, 3)
        order = sorted({draft.faults for draft in candidates})
        yield {
            **draft_row(f"drafts-{split}-{number}", asked, candidates),
            "ranks": {f"c{i}": order.index(draft.faults) + 1 for i, draft in enumerate(candidates)},
            "annotator": SIMULATED,
            "shown_order": [f"c{i}" for i in range(len(candidates))],
            "guideline_version": "house-style-1",
            "duration_ms": None,
        }


def draft_row(name: str, asked: drafts.Report, candidates: Sequence[drafts.Draft]) -> Row:
    """A report with its drafts, to be ranked."""
    return {
        "id": name,
        "prompt": _user(asked.text),
        "candidates": [
            {"id": f"c{i}", "text": draft.text, "model": SIMULATED, "params_hash": ""}
            for i, draft in enumerate(candidates)
        ],
    }


def _replies(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        asked = drafts.report(rng, split)
        reply = drafts.drafts(rng, asked, 1)[0].text
        yield {"id": f"replies-{split}-{number}", "messages": _user(asked.text) + _assistant(reply)}


def _reports(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        asked = drafts.report(rng, split)
        yield {
            "id": f"reports-{split}-{number}",
            "prompt": _user(asked.text),
            "facts": asked.facts,
            "forbidden": asked.forbidden,
        }


def _orders_few(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        asked, made = orders.order(rng, "train")
        yield {"id": f"orders-few-{number}", "messages": _user(asked) + _assistant(compact(made.as_dict()))}


def _orders(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        asked, made = orders.order(rng, split)
        yield {"id": f"orders-{split}-{number}", "prompt": _user(asked), "target": made.as_dict()}


def _orders_test(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        asked, made = orders.order(rng, "test")
        yield {"id": f"orders-test-{number}", "input": _user(asked), "target": compact(made.as_dict())}
