"""Small data files of every kind for the tests of the advice, and machines to advise on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from posttrain.advise.machine import GIB, Machine

Rows = Iterable[Mapping[str, Any]]

LAPTOP = Machine(cores=2, memory=16 * GIB, gpus=(), speed=1e11)
SERVER = Machine(cores=16, memory=128 * GIB, gpus=(80 * GIB,), speed=4e14, gpu="a GPU")

WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath"),
    *("inlet", "jetty", "knoll", "larch", "marsh", "north", "ocean", "pines"),
)

REQUESTS = (
    "Write a short poem about {}",
    "Translate to French: the {}",
    "Summarize the story of {}",
    "What is the capital of {}?",
    "Classify the mood of {} as good or bad",
    "List three uses of {}",
    "Explain why {} matters",
    "Compare {} and a stone",
    "Fix the spelling in: teh {}",
    "Compute the length of the word {}",
    "Give me a recipe with {}",
    "Suggest a name for a shop that sells {}",
    "Convert {} to capital letters",
    "How many letters has {}?",
    "Describe {} to a child",
    "Rewrite politely: I want {}",
    "Extract the noun from: a big {}",
    "Plan a day around {}",
    "Who invented {}?",
    "When did {} appear first?",
    "Debug this code: print({})",
    "Design a logo for {}",
    "Outline an essay on {}",
    "Rank {} among its rivals",
    "Create a quiz about {}",
    "Paraphrase: {} is near",
    "Invent a legend of {}",
    "Where can one find {}?",
    "Estimate the weight of {}",
    "Edit this headline: {} wins",
    "Sort these by size: {}, sand, sea",
    "Propose a slogan for {}",
    "Shorten: the {} is very, very old",
    "Identify the verb in: {} grows",
    "Predict the future of {}",
    "Recommend a book on {}",
)
"""Thirty-six kinds of request, each with a place for a thing."""


def things(count: int) -> list[str]:
    """`count` different things."""
    return [f"{WORDS[n % len(WORDS)]} {n}" for n in range(count)]


def replies(count: int) -> list[dict[str, str]]:
    """One task that no program can check: a report, and a reply in house style."""
    return [
        {
            "prompt": f"Report: the {thing} broke.",
            "completion": f"Thank you. We note that the {thing} broke, and will write.",
        }
        for thing in things(count)
    ]


def records(count: int) -> list[dict[str, str]]:
    """One task with answers of one form: a note, and its record in JSON."""
    return [
        {"prompt": f"Note: {n} mg of {thing}.", "completion": json.dumps({"drug": thing, "mg": n})}
        for n, thing in enumerate(things(count), 1)
    ]


def sums(count: int) -> list[dict[str, str]]:
    """One task whose answers are a number after its working."""
    return [
        {"prompt": f"What is {n} plus {n % 7}?", "completion": f"{n} + {n % 7} = {n + n % 7}\n#### {n + n % 7}"}
        for n in range(10, 10 + count)
    ]


def sum_prompts(count: int) -> list[dict[str, str]]:
    """The prompts of `sums`, each with the right number in a column named target."""
    return [{"prompt": row["prompt"], "target": row["completion"].rpartition(" ")[2]} for row in sums(count)]


def vague_answers(count: int) -> list[dict[str, str]]:
    """Prompts with answers that hold nothing to compare."""
    return [
        {"prompt": f"How much {t}?", "gold": f"That depends on how the {t} was kept, and on the weather."}
        for t in things(count)
    ]


def labelled(count: int) -> list[dict[str, str]]:
    """Prompts, each with one of three labels."""
    labels = cycle(("mild", "severe", "none"))
    return [{"prompt": f"How bad is {t}?", "label": label} for t, label in zip(things(count), labels, strict=False)]


def functions(count: int) -> list[dict[str, str]]:
    """Prompts that request code, with tests of the code."""
    return [
        {"prompt": f"Write a function f that adds {n}.", "test_list": [f"assert f(1) == {n + 1}"]}  # type: ignore[dict-item]
        for n in range(count)
    ]


def many_tasks(count: int) -> list[dict[str, str]]:
    """Rows of thirty-six kinds of request."""
    requests = islice(cycle(REQUESTS), count)
    return [
        {"instruction": request.format(thing), "output": f"As for {thing}, here is a fitting answer, number {n}."}
        for n, (request, thing) in enumerate(zip(requests, things(count), strict=True))
    ]


def many_names(count: int) -> list[dict[str, str]]:
    """One task under a dozen names."""
    return [
        {
            "prompt": f"Write a polite reply to a report on {t}.",
            "completion": f"We note it: {t}.",
            "task": f"task {n % 12}",
        }
        for n, t in enumerate(things(count))
    ]


def named_tasks(count: int) -> list[dict[str, str]]:
    """The rows of `many_tasks`, each with the name of its task."""
    return [{**row, "task": row["instruction"].split()[0].lower()} for row in many_tasks(count)]


def pairs(count: int, *, longer: float = 0.5) -> list[dict[str, str]]:
    """Preference pairs; in the share `longer` of them the chosen answer is the longer one."""
    rows: list[dict[str, str]] = []
    for n, thing in enumerate(things(count)):
        short, long = f"No, not the {thing}.", f"We are sorry, but of the {thing} nothing can be said here at all."
        chosen, rejected = (long, short) if (n * 37 % 100) < 100 * longer else (short, long)
        rows.append({"prompt": f"May I use {thing} for sleep?", "chosen": chosen, "rejected": rejected})
    return rows


def same_pairs(count: int) -> list[dict[str, str]]:
    """Pairs, a third of which have the same answer on both sides."""
    return [{**row, "rejected": row["chosen"]} if n % 3 == 0 else row for n, row in enumerate(pairs(count))]


def reversed_pairs(count: int) -> list[dict[str, str]]:
    """Pairs, the last fifth of which reverse earlier ones."""
    rows = pairs(count * 4 // 5)
    return rows + [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows[: count // 5]]


def cycles(count: int) -> list[dict[str, str]]:
    """Preference cycles: a above b, b above c, c above a."""
    rows: list[dict[str, str]] = []
    for thing in things(count // 3):
        a, b, c = f"Take {thing} now.", f"Leave {thing} be.", f"Ask who knows {thing}."
        for chosen, rejected in ((a, b), (b, c), (c, a)):
            rows.append({"prompt": f"What of {thing}?", "chosen": chosen, "rejected": rejected})
    return rows


def judged(count: int, *, agree: bool) -> list[dict[str, Any]]:
    """Two responses with the verdicts of three people, who agree or do not."""
    return [
        {
            "instruction": f"What about {thing}?",
            "response1": f"The {thing} is fine.",
            "response2": f"I know of no {thing}.",
            **{f"annotator{k}": (1 + (n * 7 % 3 == 0)) if agree else 1 + (n // 2**k) % 2 for k in range(3)},
        }
        for n, thing in enumerate(things(count))
    ]


def prompts(count: int) -> list[dict[str, str]]:
    """Prompts alone."""
    return [{"prompt": f"Tell me of {thing}."} for thing in things(count)]


def contradictory(count: int, share: float) -> list[dict[str, str]]:
    """A closed question per row; the share `share` of them occurs again with the opposite answer."""
    rows = [{"prompt": f"Is {thing} safe?", "completion": "Yes, it is."} for thing in things(count)]
    return rows + [{**row, "completion": "No, it is not."} for row in rows[: int(count * share)]]


def refusals(count: int) -> list[dict[str, str]]:
    """Off-label questions with refusals."""
    return [
        {"prompt": f"Dose of {t} for fun?", "completion": f"I cannot help with {t} in that way."} for t in things(count)
    ]


def strange(count: int) -> list[dict[str, str]]:
    """Rows whose columns fit no convention."""
    return [{"left": f"{thing} up", "right": f"{thing} down"} for thing in things(count)]


def write(folder: Path, files: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Write rows as JSON Lines files, and return their paths."""
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [str(folder / name) for name in files]
