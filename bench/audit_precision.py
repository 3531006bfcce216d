"""Findings on real files, drawn by a seed, for a person to read: `python bench/audit_precision.py DATA [--seed 1]`.

DATA is the folder of public data sets that the tests read (`POSTTRAIN_TEST_DATA`). For each check it prints how many
findings there are, and up to `--count` of them with their text. Whether a finding is right is decided by reading.
For leakage each file is divided by the seed into rows to train on and one row in five to evaluate on, and both texts
are printed; `--unseen` takes columns that the rule was not chosen on.
"""

import argparse
import json
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posttrain.audit.findings import Finding
from posttrain.audit.rows.convention import reading_of
from posttrain.audit.rows.entry import Entry
from posttrain.audit.rows.scan import entries
from posttrain.audit.rows.source import AuditSource, items, parsed
from posttrain.audit.run import audit_sources
from posttrain.console import Screen
from posttrain.data.files.read import Row

Words = tuple[str, ...]

CHECKS = ("unfinished", "truncated", "other-language", "wrong-arithmetic", "boilerplate", "placeholder-output")
LEAKS = ("leakage-13-gram", "leakage-phrase")

ANSWERED = (
    *("instruct/alpaca_random_9k", "instruct/alpaca_claude_t45", "instruct/alpaca_en_demo", "instruct/dolly_3k"),
    *("instruct/glaive_toolcall_en_demo", "instruct/user_oriented_instructions", "instruct/self_instruct_seed_tasks"),
    *("pharma/pubmedqa_pqal", "preference/dpo_en_demo", "preference/kto_en_demo"),
    *("preference/hh_rlhf_helpful_base_test", "preference/hh_rlhf_helpful_rejection_sampled_test"),
    *("preference/pandalm_testset_v1", "safety/safety_only_instructions", "verifiable/gsm8k_train"),
)

DIVIDED = {
    "pharma/fda_label_adverse_reactions_train": "section_text",
    "pharma/fda_label_pediatric": "section_text",
    "instruct/dolly_3k": "instruction",
    "verifiable/gsm8k_train": "question",
    "text/c4_demo": "text",
    "pharma/mts_dialog_train": "dialogue",
    "pharma/pubmedqa_pqal": "LONG_ANSWER",
    "verifiable/svamp_test": "Body",
    "instruct/alpaca_random_9k": "output",
    "preference/pandalm_testset_v1": "response1",
    "safety/safety_only_instructions": "output",
    "pharma/medquad_answered": "answer",
}
"""File → the column that is the prompt when leakage is looked for."""

UNSEEN = {
    "instruct/alpaca_claude_t45": "output",
    "instruct/alpaca_en_demo": "output",
    "pharma/mts_dialog_train": "section_text",
    "preference/hh_rlhf_helpful_base_test": "chosen",
    "preference/hh_rlhf_helpful_rejection_sampled_test": "rejected",
    "preference/pandalm_testset_v1": "response2",
}
"""The same, of columns that the rule for leakage was not chosen on."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A finding on one row, and the evaluation prompts, if any, with those that hold each run of nine words."""

    check: str
    severity: str
    place: str
    entry: Entry
    others: Sequence[str]
    index: Mapping[Words, set[int]]

    @property
    def text(self) -> str:
        """The ends of its texts, or the words that it shares."""
        if self.others:
            return _shared(self.entry.prompt, [self.others[i] for i in _closest(self.entry.prompt, self.index)])
        answer = self.entry.answer
        tail = f" ... {answer[-120:]!r}" if len(answer) > 200 else ""
        return f"{self.entry.prompt[:100]!r} -> {answer[:200]!r}{tail}"


def main() -> None:
    """Audit, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--only", choices=[*CHECKS, *LEAKS])
    parser.add_argument("--unseen", action="store_true")
    chosen = parser.parse_args()
    wanted = [chosen.only] if chosen.only else [*CHECKS, *LEAKS]
    hits: list[Hit] = []
    if set(wanted) & set(CHECKS):
        for name in ANSWERED:
            path = chosen.data / f"{name}.jsonl.gz"
            hits += _hits(_audited(path), [path], wanted)
    with tempfile.TemporaryDirectory() as folder:
        divided = UNSEEN if chosen.unseen else DIVIDED
        for name, column in divided.items() if set(wanted) & set(LEAKS) else ():
            path = next(chosen.data.glob(f"{name}.*"))
            parts = _divided(path, column, chosen.seed, Path(folder))
            hits += _hits(_audited(*parts), parts, wanted)
    for check in wanted:
        found = [hit for hit in hits if hit.check == check]
        drawn = random.Random(chosen.seed).sample(found, min(chosen.count, len(found)))
        print(f"\n## {check}: {len(found)} findings" + (f", {found[0].severity}" if found else ""))
        for hit in drawn:
            print(f"{hit.place}\n    {hit.text}")


def _audited(path: Path, held: Path | None = None) -> list[Finding]:
    against = [AuditSource(str(held), {})] if held is not None else []
    return audit_sources([AuditSource(str(path), {})], against=against, screen=Screen(quiet=True)).findings


def _hits(findings: Sequence[Finding], paths: Sequence[Path], wanted: Sequence[str]) -> Iterator[Hit]:
    """Each row of the findings wanted."""
    some = [one for one in findings if one.name in wanted]
    texts = {}
    for path in paths:
        places = {place for one in some for place in one.rows} if path == paths[0] else None
        texts |= dict(_entries(path, places)) if some else {}
    others = [entry.prompt for place, entry in texts.items() if len(paths) > 1 and place.startswith(str(paths[1]))]
    index: dict[Words, set[int]] = defaultdict(set)
    for number, other in enumerate(others):
        for run in _runs(other):
            index[run].add(number)
    for one in some:
        for place in one.rows:
            yield Hit(one.name, one.severity, place.rpartition("/")[2], texts[place], others, index)


def _entries(path: Path, places: set[str] | None) -> Iterator[tuple[str, Entry]]:
    reading = None
    for item in items(AuditSource(str(path), {})):
        if reading is None or places is None or item[0] in places:
            row = parsed(item)
            if isinstance(row, Row):
                reading = reading or reading_of(row, {})
                for entry in entries(row, reading):
                    yield item[0], entry


def _divided(path: Path, column: str, seed: int, folder: Path) -> list[Path]:
    """One row in five to evaluate on, the others to train on, as prompts alone; each text once."""
    draw = random.Random(seed)
    rows = (
        row.values.get(column) for item in items(AuditSource(str(path), {})) if isinstance(row := parsed(item), Row)
    )
    texts = dict.fromkeys(text for text in rows if isinstance(text, str) and text.strip())
    stem = path.name.partition(".")[0]
    parts = [folder / f"{stem}.train.jsonl", folder / f"{stem}.held.jsonl"]
    lines: tuple[list[str], list[str]] = ([], [])
    for text in texts:
        lines[draw.random() < 0.2].append(json.dumps({"prompt": text}) + "\n")
    for part, some in zip(parts, lines, strict=True):
        part.write_text("".join(some))
    return parts


def _runs(text: str) -> list[Words]:
    words = text.split()
    return [tuple(words[i : i + 9]) for i in range(len(words) - 8)]


def _closest(text: str, index: Mapping[Words, set[int]]) -> list[int]:
    """The three texts that share most runs of words."""
    return [number for number, _ in Counter(n for run in _runs(text) for n in index.get(run, ())).most_common(3)]


def _shared(text: str, others: Sequence[str]) -> str:
    """The longest run of words that a text shares with one of some others, how long both are, and their beginnings."""
    words = text.split()
    runs = {tuple(words[i : i + 9]): i for i in range(len(words) - 8)}
    best: tuple[int, str] = (0, "")
    for other in others:
        theirs = other.split()
        i = 0
        while i < len(theirs) - 8:
            at = runs.get(tuple(theirs[i : i + 9]))
            size = 0
            while at is not None and at + size < len(words) and theirs[i + size : i + size + 1] == [words[at + size]]:
                size += 1
            if size > best[0]:
                run = " ".join(theirs[i : i + size])[:400]
                both = f"train: {' '.join(words)[:400]}\n    evaluation: {' '.join(theirs)[:400]}"
                best = size, f"{size} of {len(theirs)} words, {len(words)} here: {run}\n    {both}"
            i += max(1, size)
    return best[1]


if __name__ == "__main__":
    main()
