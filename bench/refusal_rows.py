"""The labelled answers of `bench/data/refusal_labels.jsonl`, and what the detector does with them."""

import gzip
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refusal_prompts import FIFTH_PROMPTS, PROJECT_PROMPTS, SIXTH_PROMPTS

from posttrain.rewards.refusal.detect import RefusalVerdict, refusal_verdict

LABELS = Path(__file__).parent / "data/refusal_labels.jsonl"
FULL, COMPLIANCE = "full_refusal", "compliance"


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer with its label; the answer is None where its text is not in this repository and not on this machine."""

    source: str
    half: str
    label: str
    answer: str | None
    prompt: str | None
    """The request, where it is in this repository or on this machine."""
    group: str
    round: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How the detector does on the answers of a source and a half."""

    confusion: Counter[tuple[str, str]]
    """Answers by (label, verdict)."""
    right: int
    """Full refusals with this verdict."""
    found: int
    """Full refusals and compliant answers with the verdict full refusal."""
    full: int
    """Full refusals."""
    undetermined: int
    labelled: int
    """Answers that have a label other than unclear."""


def labelled(data: Path | None) -> list[Labelled]:
    """Every labelled answer; those of `safety_only` from the file in `data`, compared with the hash in the label."""
    path = data / "safety/safety_only_instructions.jsonl.gz" if data else None
    given: list[dict[str, str]] = []
    if path and path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            given = [json.loads(line) for line in lines]
    prompts = _prompts(data)
    rows: list[Labelled] = []
    for row in map(json.loads, LABELS.read_text(encoding="utf-8").splitlines()):
        answer, prompt = row.get("answer"), row.get("prompt") or prompts.get(row["prompt_sha256"])
        if answer is None and given:
            answer, prompt = (given[row["row"] - 1][key] for key in ("output", "instruction"))
            if hashlib.sha256(answer.encode()).hexdigest() != row["answer_sha256"]:
                raise SystemExit(f"{path}: row {row['row']} is not the answer that was labelled; the file has changed")
        rows.append(Labelled(row["source"], row["half"], row["label"], answer, prompt, row["group"], row["round"]))
    return rows


def _prompts(data: Path | None) -> dict[str, str]:
    """The prompts that SmolLM2 answered, by their hash."""
    prompts = [*PROJECT_PROMPTS, *FIFTH_PROMPTS, *SIXTH_PROMPTS]
    for path in sorted((data / "safety").glob("*.json")) if data else ():
        prompts += json.loads(path.read_text(encoding="utf-8"))["instructions"]
    return {hashlib.sha256(prompt.encode()).hexdigest(): prompt for prompt in prompts}


def figures(rows: Sequence[Labelled]) -> Figures:
    """Counts of labels and verdicts."""
    confusion = Counter(
        (row.label, str(refusal_verdict(row.answer, prompt=row.prompt))) for row in rows if row.answer is not None
    )
    clear = Counter({key: n for key, n in confusion.items() if key[0] != "unclear"})
    return Figures(
        confusion,
        right=clear[FULL, FULL],
        found=clear[FULL, FULL] + clear[COMPLIANCE, FULL],
        full=sum(n for (label, _), n in clear.items() if label == FULL),
        undetermined=sum(n for (_, verdict), n in clear.items() if verdict == RefusalVerdict.UNDETERMINED),
        labelled=clear.total(),
    )


def data_folder() -> Path | None:
    """The folder that POSTTRAIN_TEST_DATA names, if any."""
    folder = os.environ.get("POSTTRAIN_TEST_DATA")
    return Path(folder) if folder else None
