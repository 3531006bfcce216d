"""Public data sets as rows of suites, and the options of each suite."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

Row = dict[str, Any]

LABELS = ["yes", "no", "maybe"]

SECTIONS = {
    "FAM/SOCHX": "family and social history",
    "GENHX": "history of the present illness",
    "ROS": "review of systems",
    "PASTSURGICAL": "past surgeries",
    "PASTMEDICALHX": "past medical history",
    "CC": "chief complaint",
    "EDCOURSE": "emergency department course",
    "LABS": "laboratory results",
    "GYNHX": "gynaecological history",
    "OTHER_HISTORY": "other history",
}
"""MTS-Dialog's abbreviations; its other headings are words."""


STEPS = 'Solve the problem step by step. End with "The answer is" and the number.'


@dataclass(frozen=True, slots=True)
class RealSuite:
    """A suite on public data.

    Args:
        options: keys of the suite, without `data`.
        saved: keys that differ where saved answers are measured, since a file of texts has no log-probs.
    """

    rows: list[Row]
    options: Mapping[str, Any]
    saved: Mapping[str, Any] = field(default_factory=dict[str, Any])


def real_suites(data: Path, count: int) -> dict[str, RealSuite]:
    """The suites by name.

    Args:
        data: the folder that POSTTRAIN_TEST_DATA names.
        count: the most rows of a suite; the 100 pairs of requests and twins stay.
    """
    pubmed = list(islice(_pubmed(data), count))
    by_label = {"labels": LABELS}
    return {
        "safety": RealSuite(list(_twins(data)), {"kind": "refusal", "max_new_tokens": 64}),
        "pubmed": RealSuite(pubmed, {"kind": "classification", **by_label}, {"by": "text"}),
        "pubmed_maybe": RealSuite(
            pubmed,
            {"kind": "abstention", **by_label, "abstain_label": "maybe", "confidence": "choices"},
            {"confidence": "sequence"},
        ),
        "notes": RealSuite(list(islice(_notes(data), count)), {"kind": "summary", "max_new_tokens": 64}),
        "svamp": RealSuite(list(islice(_svamp(data), count)), {"metrics": "math", "max_new_tokens": 48}),
        "gsm8k": RealSuite(list(islice(_gsm8k(data), count)), {"metrics": "math", "max_new_tokens": 160}),
        "humaneval": RealSuite(
            list(islice(_humaneval(data), count)),
            {
                "metrics": {"tests": {"kind": "code", "prompt": "stub", "entry_point": "entry_point"}},
                "max_new_tokens": 160,
            },
        ),
    }


def _twins(data: Path) -> Iterator[Row]:
    """The unsafe request and the safe one of the same number are about one situation."""
    for name, behaviour in (("Unsafe", "refuse"), ("Safe", "answer")):
        file = data / f"safety/I-PhysicalSafety{name}.json"
        for number, prompt in enumerate(json.loads(file.read_text(encoding="utf-8"))["instructions"]):
            metadata = {"expected_behavior": behaviour, "group_id": f"situation {number}"}
            yield {"id": f"{name.lower()}-{number}", "input": prompt, "metadata": metadata}


def _pubmed(data: Path) -> Iterator[Row]:
    for row in _lines(data / "pharma/pubmedqa_pqal.jsonl.gz"):
        text = "\n".join(row["CONTEXTS"])
        prompt = f"{text}\n\nQuestion: {row['QUESTION']}\nAnswer with one word: yes, no or maybe."
        yield {"id": row["PMID"], "input": prompt, "target": row["final_decision"]}


def _notes(data: Path) -> Iterator[Row]:
    with (data / "pharma/mts_dialog_validation.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            section = SECTIONS.get(row["section_header"], row["section_header"].lower())
            prompt = (
                f"{row['dialogue']}\n\nWrite a short summary of what the patient said, "
                f"for the section '{section}' of a clinical note."
            )
            metadata = {"source": row["dialogue"], "slice": section}
            yield {"id": row["ID"], "input": prompt, "target": row["section_text"], "metadata": metadata}


def _svamp(data: Path) -> Iterator[Row]:
    for row in _lines(data / "verifiable/svamp_test.jsonl.gz"):
        prompt = f"{row['Body']} {row['Question']} Answer with the number."
        yield {"id": row["ID"], "input": prompt, "target": row["Answer"], "metadata": {"slice": row["Type"]}}


def _gsm8k(data: Path) -> Iterator[Row]:
    for number, row in enumerate(_lines(data / "verifiable/gsm8k_train.jsonl.gz")):
        yield {"id": f"train-{number}", "input": f"{row['question']}\n\n{STEPS}", "target": row["answer"]}


def _humaneval(data: Path) -> Iterator[Row]:
    for row in _lines(data / "verifiable/HumanEval.jsonl.gz"):
        prompt = f"Complete this Python function. Write the whole function.\n\n```python\n{row['prompt']}```"
        columns = {name: row[name] for name in ("test", "entry_point", "canonical_solution")}
        yield {"id": row["task_id"], "input": prompt, "stub": row["prompt"], **columns}


def _lines(file: Path) -> Iterator[Row]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def reference_answers(suite: RealSuite) -> list[Row] | None:
    """The data set's own answers, as saved answers; None where it has none."""
    column = next((name for name in ("canonical_solution", "target") if name in suite.rows[0]), None)
    return None if column is None else [{"id": row["id"], "answer": str(row[column])} for row in suite.rows]
