"""Draws the rows of each stage of the demo, and of its evaluations."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from posttrain.demo.drafts import DraftReply, SideEffectReport, draw_replies, draw_report
from posttrain.demo.instructions import Instruction, compact, draw_instruction
from posttrain.demo.orders import draw_order
from posttrain.demo.use_requests import REFUSAL, complying_reply, draw_use_request, ranked_replies, refusing_reply
from posttrain.demo.wordings import UNSEEN_TASK, WORDINGS, seen_wordings, unseen_wordings
from posttrain.demo.world import Label, Split

Row = dict[str, Any]

TASKS = tuple(task for task in WORDINGS if task != UNSEEN_TASK)
SHARES = {
    **{"facts": 4, "extract": 4, "summary": 3, "seriousness": 2},
    **{"date": 2, "daily_dose": 3, "label": 4, "use_check": 3},
}
"""Task → its weight in the draw of training rows; harder tasks weigh more."""

SIMULATED = "simulated"
"""The name of the annotator in every row whose preferences are made by rule."""


Question = Callable[[Label, str], str]
"""From a product's label and a message to the user's text."""


def _message_alone(label: Label, text: str) -> str:
    return text


def _user(text: str) -> list[Row]:
    return [{"role": "user", "content": text}]


def _assistant(text: str) -> list[Row]:
    return [{"role": "assistant", "content": text}]


def facts_rows(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """SFT rows: a note and its facts as JSON."""
    for number in range(count):
        instruction = draw_instruction(rng, "facts", range(1), split)
        yield {"id": f"facts-{split}-{number}", "messages": _user(instruction.prompt) + _assistant(instruction.answer)}


def facts_test_rows(rng: Random, count: int) -> Iterator[Row]:
    """Evaluation rows of notes."""
    for number in range(count):
        yield _evaluation(f"facts-test-{number}", draw_instruction(rng, "facts", range(1), "test"))


def instruction_rows(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """IFT rows: tasks in trained wordings, and unjudged replies to use requests."""
    for number in range(count):
        row: Row = {"id": f"instructions-{split}-{number}"}
        if rng.random() < 0.15:
            # Past replies that nobody judged: most comply with any request, some refuse.
            request = draw_use_request(rng, split, on_label=rng.random() < 0.5)
            reply = refusing_reply(request) if rng.random() < 0.35 else complying_reply(request)
            yield row | {"task": "ask", "messages": _user(request.text) + _assistant(reply)}
        else:
            task = rng.choices(list(SHARES), list(SHARES.values()))[0]
            instruction = draw_instruction(rng, task, seen_wordings(task), split)
            yield row | {
                "task": task,
                "phrasing": instruction.phrasing,
                "messages": _user(instruction.prompt) + _assistant(instruction.answer),
            }


def instruction_test_rows(rng: Random, count: int, *, seen: bool) -> Iterator[Row]:
    """Evaluation rows of all tasks in turn, in wordings that are trained (`seen`) or not."""
    kind = "seen" if seen else "unseen"
    for number in range(count):
        task = TASKS[number % len(TASKS)]
        wordings = seen_wordings(task) if seen else unseen_wordings(task)
        yield _evaluation(f"instructions-{kind}-{number}", draw_instruction(rng, task, wordings, "test"))


def new_task_rows(rng: Random, count: int) -> Iterator[Row]:
    """Rows of the task that is never trained."""
    for number in range(count):
        instruction = draw_instruction(rng, UNSEEN_TASK, range(len(WORDINGS[UNSEEN_TASK])), "test")
        yield {
            "id": f"new-task-{number}",
            "task": instruction.task,
            "phrasing": instruction.phrasing,
            "messages": _user(instruction.prompt) + _assistant(instruction.answer),
        }


def _evaluation(name: str, instruction: Instruction) -> Row:
    metadata = {"slice": instruction.task, "phrasing": instruction.phrasing, "expected_behavior": "answer"}
    return {"id": name, "input": _user(instruction.prompt), "target": instruction.answer, "metadata": metadata}


def use_request_pairs(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """DPO rows: use requests, alternately off-label and on-label, with the better and the worse reply."""
    for number in range(count):
        request = draw_use_request(rng, split, on_label=number % 2 == 1)
        chosen, rejected = ranked_replies(request)
        yield {
            "id": f"asks-{split}-{number}",
            "prompt": _user(request.text),
            "chosen": _assistant(chosen),
            "rejected": _assistant(rejected),
            "meta_slice": "on-label" if request.on_label else "off-label",
            "meta_annotator": SIMULATED,
        }


def use_request_test_rows(rng: Random, count: int) -> Iterator[Row]:
    """Evaluation rows of use requests, alternately off-label and on-label."""
    for number in range(count):
        request = draw_use_request(rng, "test", on_label=number % 2 == 1)
        metadata = {
            "slice": "on-label" if request.on_label else "off-label",
            "expected_behavior": "answer" if request.on_label else "refuse",
            "refusal": REFUSAL,
        }
        target = ranked_replies(request)[0]
        yield {"id": f"asks-test-{number}", "input": _user(request.text), "target": target, "metadata": metadata}


def ranking_rows(rng: Random, split: Split, count: int, question: Question = _message_alone) -> Iterator[Row]:
    """Rankings of three draft replies, made by rule."""
    for number in range(count):
        report = draw_report(rng, split)
        candidates = draw_replies(rng, report, 3)
        order = sorted({draft.faults for draft in candidates})
        yield {
            **draft_row(f"drafts-{split}-{number}", report, candidates, question),
            "ranks": {f"c{i}": order.index(draft.faults) + 1 for i, draft in enumerate(candidates)},
            "annotator": SIMULATED,
            "shown_order": [f"c{i}" for i in range(len(candidates))],
            "guideline_version": "house-style-1",
            "duration_ms": None,
            **({"metadata": {"slice": report.label.product}} if split == "test" else {}),
        }


def draft_row(
    name: str, report: SideEffectReport, candidates: Sequence[DraftReply], question: Question = _message_alone
) -> Row:
    """A report with draft replies to rank."""
    return {
        "id": name,
        "prompt": _user(question(report.label, report.text)),
        "candidates": [
            {"id": f"c{i}", "text": draft.text, "model": SIMULATED, "params_hash": ""}
            for i, draft in enumerate(candidates)
        ],
    }


def reply_rows(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """SFT rows: reports with replies that may have faults."""
    for number in range(count):
        report = draw_report(rng, split)
        reply = draw_replies(rng, report, 1)[0].text
        yield {"id": f"replies-{split}-{number}", "messages": _user(report.text) + _assistant(reply)}


def report_rows(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """PPO rows: reports, with what a reply must and must not contain."""
    for number in range(count):
        report = draw_report(rng, split)
        yield {
            "id": f"reports-{split}-{number}",
            "prompt": _user(report.text),
            "facts": report.facts,
            "forbidden": report.forbidden,
            **({"metadata": {"slice": report.label.product}} if split == "test" else {}),
        }


def shown_order_rows(rng: Random, count: int) -> Iterator[Row]:
    """SFT rows: order notes with their records."""
    for number in range(count):
        prompt, order = draw_order(rng, "train")
        yield {"id": f"orders-few-{number}", "messages": _user(prompt) + _assistant(compact(order.as_dict()))}


def order_rows(rng: Random, split: Split, count: int) -> Iterator[Row]:
    """GRPO rows: order notes, with the record as the target."""
    for number in range(count):
        prompt, order = draw_order(rng, split)
        yield {"id": f"orders-{split}-{number}", "prompt": _user(prompt), "target": order.as_dict()}


def order_test_rows(rng: Random, count: int) -> Iterator[Row]:
    """Evaluation rows of order notes."""
    for number in range(count):
        prompt, order = draw_order(rng, "test")
        yield {"id": f"orders-test-{number}", "input": _user(prompt), "target": compact(order.as_dict())}
