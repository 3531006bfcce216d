"""The findings of the default audit on real public data sets, listed by row."""

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from audits import by_name, lines_of, look


def rows_of(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_alpaca_has_4_empty_answers_119_bare_placeholders_and_3_wrong_equations(data_dir: Path) -> None:
    path = data_dir / "instruct/alpaca_random_9k.jsonl.gz"
    findings = by_name(look(path))
    rows = rows_of(path)
    empty = [i for i, row in enumerate(rows, 1) if not row["output"].strip()]
    assert lines_of(findings["empty-output"]) == empty
    assert len(empty) == 4
    marker = re.compile(r"[^a-z0-9]*(?:no\W?input|none|n/a)[^a-z0-9]*")
    bare = [i for i, row in enumerate(rows, 1) if marker.fullmatch(row["input"].lower())]
    assert len(bare) == 119
    placeholders = lines_of(findings["placeholder-input"])
    assert set(bare) < set(placeholders)
    others = {rows[i - 1]["input"].rstrip(".") for i in set(placeholders) - set(bare)}
    assert others == {"No input required", "No input needed", "<noinputs>", "<noinput> 8"}  # 14 rows, in more words
    assert lines_of(findings["wrong-arithmetic"]) == [2293, 3486, 7643]


def test_the_quality_filtered_subset_still_has_4_empty_answers(data_dir: Path) -> None:
    path = data_dir / "instruct/alpaca_claude_t45.jsonl.gz"
    empty = [i for i, row in enumerate(rows_of(path), 1) if not row["output"].strip()]
    assert lines_of(by_name(look(path))["empty-output"]) == empty
    assert len(empty) == 4


@pytest.mark.parametrize(("name", "count"), [("alpaca_en_demo", 14), ("glaive_toolcall_en_demo", 35)])
def test_exact_repeats(data_dir: Path, name: str, count: int) -> None:
    path = data_dir / f"instruct/{name}.jsonl.gz"
    seen: set[str] = set()
    repeats = []
    for number, row in enumerate(rows_of(path), 1):
        key = json.dumps(row, sort_keys=True)
        repeats += [number] if key in seen else []
        seen.add(key)
    assert lines_of(by_name(look(path))["exact-duplicate"]) == repeats
    assert len(repeats) == count


def test_medquad_without_answers_is_31029_empty_answers(data_dir: Path) -> None:
    report = look(data_dir / "pharma/medquad_answers_removed.jsonl.gz")
    assert lines_of(by_name(report)["empty-output"]) == list(range(1, 31030))
    assert report.rows == 0


def test_medquad_repeats_questions_with_different_answers(data_dir: Path) -> None:
    path = data_dir / "pharma/medquad_answered.jsonl.gz"
    answers: dict[str, set[str]] = defaultdict(set)
    rows = rows_of(path)
    for row in rows:
        if row["answer"].strip():
            answers[row["question"]].add(row["answer"])
    repeated = {i for i, r in enumerate(rows, 1) if r["answer"].strip() and len(answers[r["question"]]) > 1}
    findings = by_name(look(path))
    listed = set(lines_of(findings["repeated-question"]))
    assert len(repeated) > 2200
    assert len(repeated - listed) < 0.01 * len(repeated)  # answers that differ only in blanks and full stops
    assert findings["repeated-question"].severity == "info"
    assert findings["contradictory-answers"].count < 50  # essays of several sources do not contradict each other


def test_bare_nan_is_reported_and_not_fatal(data_dir: Path) -> None:
    path = data_dir / "pharma/fda_label_pediatric.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        bare = [number for number, line in enumerate(file, 1) if re.search(r"[\[,:] ?NaN\b", line)]
    report = look(path)
    unreadable = by_name(report)["unreadable-row"]
    assert lines_of(unreadable) == bare
    assert len(bare) == 124
    assert "NaN" in unreadable.examples[0].text
    assert report.rows == 343 - 124


def test_dialogues_of_the_training_split_are_also_in_validation(data_dir: Path) -> None:
    train, held = (data_dir / f"pharma/mts_dialog_{part}.csv" for part in ("train", "validation"))
    findings = by_name(look(train, against=[held]))
    assert findings["leakage-exact"].severity == "block"
    assert findings["leakage-exact"].count == 2
    assert "leakage-13-gram" not in findings
    assert findings["leakage-phrase"].count == 4  # "do you have any medical conditions that I should know about?"
    assert not [name for name in by_name(look(train)) if name.startswith("leakage")]


@pytest.mark.parametrize(("part", "same", "differ"), [("base", 2, 9), ("rejection_sampled", 32, 3)])
def test_pairs_of_helpful_rlhf(data_dir: Path, part: str, same: int, differ: int) -> None:
    path = data_dir / f"preference/hh_rlhf_helpful_{part}_test.jsonl.gz"
    rows = rows_of(path)
    findings = by_name(look(path))
    assert lines_of(findings["identical-sides"]) == [i for i, r in enumerate(rows, 1) if r["chosen"] == r["rejected"]]
    assert findings["identical-sides"].count == same
    cut = [tuple(row[side].rpartition("\n\nAssistant:")[0] for side in ("chosen", "rejected")) for row in rows]
    assert lines_of(findings["differing-prompts"]) == [i for i, (a, b) in enumerate(cut, 1) if a != b]
    assert findings["differing-prompts"].count == differ


def test_pandalm_has_booleans_repeats_swaps_and_one_cycle(data_dir: Path) -> None:
    path = data_dir / "preference/pandalm_testset_v1.jsonl.gz"
    rows = rows_of(path)
    findings = by_name(look(path))
    sides = [(row["response1"], row["response2"]) for row in rows]
    odd = [i for i, pair in enumerate(sides, 1) if not all(isinstance(text, str) for text in pair)]
    assert lines_of(findings["odd-row"]) == odd
    assert findings["odd-row"].count == 6
    seen: set[tuple[str, ...]] = set()
    judged: set[tuple[object, ...]] = set()
    repeated, swapped = [], []
    for i, row in enumerate(rows, 1):
        question, one, other = (row["instruction"], row["input"]), str(row["response1"]), str(row["response2"])
        votes = [row[f"annotator{n}"] for n in (1, 2, 3)]
        majority = next((vote for vote in (1, 2) if votes.count(vote) > 1), 0)
        repeated += [i] if (*question, one, other, majority) in judged else []
        swapped += [i] if (*question, other, one) in seen else []
        seen.add((*question, one, other))
        judged.add((*question, one, other, majority))
    assert "exact-duplicate" not in findings  # each row has a number, and people judged it
    assert set(lines_of(findings["normalised-duplicate"])) >= set(repeated)
    assert sorted(lines_of(findings["swapped-pair"])) == swapped
    assert len(repeated) == 99
    assert len(swapped) == 50
    assert "1 cycle" in findings["preference-cycle"].what
    assert findings["preference-cycle"].count == 3


def test_open_questions_of_dolly_are_no_errors(data_dir: Path) -> None:
    findings = by_name(look(data_dir / "instruct/dolly_3k.jsonl.gz"))
    assert findings["repeated-question"].severity == "info"
    assert "contradictory-answers" not in findings


def test_gsm8k_is_not_diverse_although_its_first_words_are(data_dir: Path) -> None:
    figures = {
        name: look(data_dir / path).figures["breadth"]
        for name, path in {
            "gsm8k": "verifiable/gsm8k_train.jsonl.gz",
            "alpaca": "instruct/alpaca_random_9k.jsonl.gz",
            "dolly": "instruct/dolly_3k.jsonl.gz",
            "seeds": "instruct/self_instruct_seed_tasks.jsonl.gz",
        }.items()
    }
    entropy = {name: some["first_words_entropy"] for name, some in figures.items()}
    effective = {name: some["effective_tasks"] for name, some in figures.items()}
    assert max(entropy, key=lambda name: entropy[name]) == "gsm8k"
    assert effective["gsm8k"] < 10 < effective["dolly"] < effective["alpaca"]
    assert effective["gsm8k"] < 0.2 * effective["seeds"]
    assert "narrow-tasks" in by_name(look(data_dir / "verifiable/gsm8k_train.jsonl.gz"))
