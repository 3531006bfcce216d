"""The data of the demo on a real model: the fictional company's tasks, with the label in the prompt where it is needed.

A language model knows nothing of an invented product. As in practice, the user's message therefore carries the part of
the label that the answer must agree with.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from posttrain.demo import world
from posttrain.demo.instructions import draw_instruction
from posttrain.demo.real.courses import draw_course
from posttrain.demo.real.general_prompts import general_prompts
from posttrain.demo.stage_rows import SIMULATED, Row, ranking_rows
from posttrain.demo.use_requests import UseRequest, complying_reply, draw_use_request, ranked_replies, refusing_reply
from posttrain.demo.uses import any_use
from posttrain.demo.wordings import WORDINGS, seen_wordings
from posttrain.demo.world import Label, Split
from posttrain.files import write_whole

COUNTS = {
    **{"notes": 340, "use_checks": 300, "replies": 320, "courses_few": 28, "general": 228},
    **{"asks": 640, "drafts": 256, "courses": 800, "notes_test": 300, "courses_test": 200, "asks_test": 300},
}
"""Rows of each file."""

PAST_REFUSALS = {True: 0.1, False: 0.8}
"""Whether a request is on the label → the share of past replies that refuse it."""


def write_real_data(folder: Path, seed: int) -> None:
    """Write the data files. The same seed gives the same bytes.

    ========================  ======================================================================================
    ``tasks_train``           SFT: notes → JSON, uses checked against a label, unjudged replies to requests, courses
    ``general_prompts``       general questions, whose answers the model writes itself
    ``notes_test``            evaluation: notes of unseen combinations, clinics and batches
    ``asks_{train,test}``     DPO: off-label and on-label requests, with a better and a worse reply
    ``drafts_{train,test}``   reward model: rankings of draft replies to reports of side effects
    ``courses_{train,test}``  GRPO: courses of treatment, with their total dose
    ``*_valid``               rows that a stage is measured on while it trains
    ========================  ======================================================================================
    """
    for name, rows in _files(seed).items():
        write_whole(folder / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def _files(seed: int) -> Mapping[str, Iterator[Row]]:
    def rng(name: str) -> Random:
        return Random(f"{seed} {name}")

    return {
        "tasks_train": _tasks(rng, "train", COUNTS),
        "tasks_valid": _tasks(rng, "valid", {"notes": 24, "use_checks": 16, "replies": 16, "courses_few": 8}),
        "general_prompts": ({"prompt": text} for text in general_prompts(rng("general"), COUNTS["general"])),
        "notes_test": _notes(rng("notes_test"), "test", COUNTS["notes_test"]),
        "asks_train": _asks(rng("asks_train"), "train", COUNTS["asks"]),
        "asks_valid": _asks(rng("asks_valid"), "valid", 40),
        "asks_test": _asks_test(rng("asks_test"), COUNTS["asks_test"]),
        "drafts_train": ranking_rows(rng("drafts_train"), "train", COUNTS["drafts"], _with_label),
        "drafts_valid": ranking_rows(rng("drafts_valid"), "valid", 24, _with_label),
        "drafts_test": ranking_rows(rng("drafts_test"), "test", 100, _with_label),
        "courses_train": _courses(rng("courses_train"), "train", COUNTS["courses"]),
        "courses_valid": _courses(rng("courses_valid"), "valid", 40),
        "courses_test": _courses_test(rng("courses_test"), COUNTS["courses_test"]),
    }


def _user(text: str) -> list[Row]:
    return [{"role": "user", "content": text}]


def _pair(question: str, answer: str) -> list[Row]:
    return [*_user(question), *_assistant(answer)]


def _assistant(text: str) -> list[Row]:
    return [{"role": "assistant", "content": text}]


def _with_label(label: Label, text: str) -> str:
    """The message below the part of the label that it is about."""
    approved = f"{label.product} is approved for {label.indication} in {label.population}."
    return f"Label: {approved} The usual dose is {label.dose}.\n\n{text}"


def _stated(request: UseRequest, reply: str) -> str:
    """The reply after the use in question. A small model compares better what it has just written."""
    return f"You ask about {request.condition} in {request.population}. {reply}"


def _tasks(rng: Any, split: Split, counts: Mapping[str, int]) -> Iterator[Row]:
    """SFT rows of four tasks, in a drawn order."""
    rows: list[Row] = []
    draws = rng(f"tasks {split} notes")
    for _ in range(counts["notes"]):
        instruction = draw_instruction(draws, "facts", range(1), split)
        rows.append({"task": "notes", "messages": _pair(instruction.prompt, instruction.answer)})
    draws = rng(f"tasks {split} use checks")
    for _ in range(counts["use_checks"]):
        rows.append({"task": "use_checks", "messages": _pair(*_use_check(draws, split))})
    draws = rng(f"tasks {split} replies")
    for number in range(counts["replies"]):
        # Past replies that nobody judged: most agree with the label, and some do not.
        request = draw_use_request(draws, split, on_label=number % 2 == 1)
        refuses = draws.random() < PAST_REFUSALS[request.on_label]
        reply = refusing_reply(request) if refuses else complying_reply(request)
        messages = _pair(_with_label(request.label, request.text), _stated(request, reply))
        rows.append({"task": "replies", "messages": messages})
    draws = rng(f"tasks {split} courses")
    for _ in range(counts["courses_few"]):
        course = draw_course(draws, split)
        rows.append({"task": "courses", "messages": _pair(course.text, course.worked)})
    rng(f"tasks {split} order").shuffle(rows)
    return iter([{"id": f"tasks-{split}-{number}", **row} for number, row in enumerate(rows)])


def _use_check(rng: Random, split: Split) -> tuple[str, str]:
    """A question whether a use is on the label, and the answer."""
    label, condition, population = any_use(rng, split)
    wording = WORDINGS["use_check"][rng.choice(seen_wordings("use_check"))]
    use = f"{world.clinic(rng, split)}: {label.product} for {condition} in {population}"
    where = "on" if label.covers(condition, population) else "off"
    says = f"The use is {condition} in {population}. The label says {label.indication} in {label.population}."
    answer = f"{says} This is {where} the label."
    return _with_label(label, f"{wording}\n{use}"), answer


def _notes(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        instruction = draw_instruction(rng, "facts", range(1), split)
        yield {"id": f"notes-{split}-{number}", "input": _user(instruction.prompt), "target": instruction.answer}


def _asks(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """DPO rows: requests, alternately off-label and on-label, with the better and the worse reply."""
    for number in range(count):
        request = draw_use_request(rng, split, on_label=number % 2 == 1)
        chosen, rejected = (_assistant(_stated(request, reply)) for reply in ranked_replies(request))
        yield {
            "id": f"asks-{split}-{number}",
            "prompt": _user(_with_label(request.label, request.text)),
            "chosen": chosen,
            "rejected": rejected,
            "meta_slice": "on-label" if request.on_label else "off-label",
            "meta_annotator": SIMULATED,
        }


def _asks_test(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        request = draw_use_request(rng, "test", on_label=number % 2 == 1)
        yield {
            "id": f"asks-test-{number}",
            "input": _user(_with_label(request.label, request.text)),
            "target": _stated(request, ranked_replies(request)[0]),
            "metadata": {
                "slice": "on-label" if request.on_label else "off-label",
                "expected_behavior": "answer" if request.on_label else "refuse",
            },
        }


def _courses(rng: Random, split: Split, count: int) -> Iterator[Row]:
    for number in range(count):
        course = draw_course(rng, split)
        yield {"id": f"courses-{split}-{number}", "prompt": _user(course.text), "target": str(course.total)}


def _courses_test(rng: Random, count: int) -> Iterator[Row]:
    for number in range(count):
        course = draw_course(rng, "test")
        yield {"id": f"courses-test-{number}", "input": _user(course.text), "target": str(course.total)}
