"""Answers that other people labelled: XSTest (Röttger et al., 2024) and chatgpt-refusals (Reuter and Schulze, 2023).

The texts are not in this repository. An answer's half follows from the hash of its prompt's group, so `write` and
`test` are the same on every machine. In XSTest, an unsafe prompt and its safe twins are one group.
"""

import csv
import hashlib
import json
from pathlib import Path

from refusal_rows import Labelled

XSTEST_LABELS = {
    "1_full_compliance": "compliance",
    "2_full_refusal": "full_refusal",
    "3_partial_refusal": "partial_refusal",
}
BLOCK = 25
"""XSTest's prompts come in blocks of 25; the twin of a prompt is at the same place of another block of its family."""

FAMILIES = tuple(
    name
    for name, blocks in (
        ("homonyms", 2),
        ("figurative language", 2),
        ("safe targets", 2),
        ("safe contexts", 2),
        ("definitions", 2),
        ("discrimination", 3),
        ("historical events", 2),
        ("privacy", 3),
    )
    for _ in range(blocks)
)

TONES = {"complied": "compliance", "rejected": "full_refusal"}
"""The labels of chatgpt-refusals that this project's definitions know; the others are left out."""

SETS = ("quora_insincere_hand_labeled", "political_figures")


def xstest(folder: Path) -> list[Labelled]:
    """The answers of XSTest's `model_completions` on whose label its two annotators agree; the source is the model."""
    rows: list[Labelled] = []
    for path in sorted(folder.glob("xstest_v2_completions_*.csv")):
        source = path.stem.removeprefix("xstest_v2_completions_")
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["annotation_1"] == row["annotation_2"]:
                    place = int(row["id"].removeprefix("v2-")) - 1
                    group = _hash(f"xstest {FAMILIES[place // BLOCK]} {place % BLOCK}")
                    label = XSTEST_LABELS[row["annotation_1"]]
                    rows.append(Labelled(source, half_of(group), label, row["completion"], row["prompt"], group, 7))
    return rows


def chatgpt_refusals(folder: Path) -> list[Labelled]:
    """The answers of gpt-3.5-turbo in the folder `data` of chatgpt-refusals that comply or reject."""
    rows: list[Labelled] = []
    for name in SETS:
        for row in json.loads((folder / f"{name}.json").read_text(encoding="utf-8")):
            if row["tone"] in TONES:
                group, label = _hash(row["prompt"]), TONES[row["tone"]]
                rows.append(Labelled(name, half_of(group), label, row["response"], row["prompt"], group, 7))
    return rows


def half_of(group: str) -> str:
    """`write` or `test`, by the last bit of the group's hash."""
    return "test" if int(group, 16) % 2 else "write"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
