"""Files that nobody should have: `posttrain audit` and `clean` say what is wrong in a sentence or a finding."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from command_line import Posttrain

GOOD = {"prompt": "Say it", "completion": "It."}
GZIPPED = gzip.compress(b"".join(b'{"prompt": "Say %d", "completion": "%d."}\n' % (n, n) for n in range(3000)))


def rows(*some: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in some)


ODD: dict[str, tuple[str | bytes, str]] = {
    "empty.jsonl": ("", "the file is empty"),
    "blank.jsonl": ("\n\n  \n", "the file is empty"),
    "empty.csv": ("", "the file is empty"),
    "binary.jsonl": (bytes(range(256)) * 40, "NUL byte"),
    "utf16.jsonl": (rows(GOOD).encode("utf-16"), "NUL byte"),
    "cut.jsonl.gz": (GZIPPED[: len(GZIPPED) // 2], "cut short"),
    "damaged.jsonl.gz": (GZIPPED[:2000] + bytes(50) + GZIPPED[2050:], "damaged"),
    "plain.jsonl.gz": (rows(GOOD), "damaged"),
    "long.jsonl": (rows(GOOD, {"prompt": "x" * 10_000_000, "completion": "y"}, GOOD), "longer than 8 MiB"),
    "kinds.jsonl": (rows(GOOD, {"prompt": "a", "chosen": "b", "rejected": "c"}, {"text": "t"}), "no column"),
    "types.jsonl": (rows({"prompt": 1, "completion": 2}, {"prompt": None, "completion": None}), "must be a string"),
    "columns.jsonl": (rows({"foo": "a", "bar": 2}, {"foo": "b"}), "fit no convention"),
    "nothing.jsonl": ("{}\n{}\n", "fit no convention"),
    "nested.jsonl": ("[" * 100_000 + "\n" + rows(GOOD), "nested too deeply"),
    "digits.jsonl": ('{"prompt": "a", "completion": "b", "n": ' + "9" * 6000 + "}\n", "digits"),
    "twice.jsonl": ('{"prompt": "a", "prompt": "b", "completion": "c"}\n', "twice"),
    "surrogate.jsonl": ('{"prompt": "\\ud800", "completion": "c"}\n', "surrogate"),
    "unclosed.csv": ('prompt,completion\n"a,b\n', "quote"),
    "wide.csv": ("prompt,completion\na,b,c\n", "3 fields"),
    "element.json": ('[{"prompt": "a", "completion": "b"}, 3]', "must be an object"),
    "cut.json": ("[", "JSON"),
    "no.parquet": (b"PAR1xxxx", "damaged"),
    "roles.jsonl": (rows({"messages": []}, {"messages": [{"role": "wizard", "content": "x"}]}), "role"),
    "sides.jsonl": (rows({"prompt": "a", "chosen": ["x"], "rejected": "y"}), "chosen"),
    "ranks.jsonl": (
        rows({"prompt": "a", "candidates": [{"id": "x", "text": "t"}], "ranks": {"y": 1}}),
        "at least 2 candidates",
    ),
    "judged.jsonl": (rows({"instruction": "a", "response1": None, "response2": {"x": 1}}), "response1"),
}
LOST = {"empty.jsonl", "blank.jsonl", "empty.csv", "cut.jsonl.gz", "damaged.jsonl.gz", "plain.jsonl.gz", "unclosed.csv",
        "wide.csv", "element.json", "cut.json", "no.parquet"}  # fmt: skip
"""Files that cannot be read to their end."""


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_findings_by_row(name: str, work: Path, posttrain: Posttrain) -> None:
    content, message = ODD[name]
    (work / name).write_bytes(content.encode() if isinstance(content, str) else content)
    answer = posttrain("audit", name, "--json")
    report = json.loads(answer.out)
    words = [text for one in report["findings"] for text in (one["what"], *(e["text"] for e in one["examples"]))]
    assert any(message in text for text in words), words
    blocks = any(one["severity"] == "block" for one in report["findings"])
    assert answer.code == (2 if blocks else 0)
    assert answer.err.count("\n") == (1 if blocks else 0)


@pytest.mark.parametrize("name", ODD)
def test_clean_drops_what_it_can_name_and_refuses_to_lose_the_rest(name: str, work: Path, posttrain: Posttrain) -> None:
    content, _ = ODD[name]
    source = work / name
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    before = source.read_bytes()
    answer = posttrain("clean", name, "--out", "clean.jsonl", "--json")
    assert source.read_bytes() == before
    assert not [*work.glob("*.partial")]
    if name in LOST:
        assert answer.code == 2
        assert "repair the file first" in answer.err
        assert not (work / "clean.jsonl").exists()
    else:
        assert answer.code == 0, answer.err
        done = json.loads(answer.out)
        log = [json.loads(line) for line in (work / "clean.log.jsonl").read_text().splitlines()]
        assert len((work / "clean.jsonl").read_text().splitlines()) == done["written"]
        assert done["read"] == done["written"] + done["dropped"]
        assert len([one for one in log if one["did"] == "dropped"]) == done["dropped"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "nobody.jsonl"], "no such file"),
        (["audit", "folder"], "the folder is empty"),
        (["audit", "notes.md"], "unknown kind of file"),
        (["audit", "train.jsonl", "--against", "nobody.jsonl"], "no such file"),
        (["audit", "train.jsonl", "--out", "train.jsonl"], "cannot be written"),
        (["audit", "--recipe", "nobody.yaml"], "no such recipe"),
        (["clean", "folder", "--out", "clean.jsonl"], "the folder is empty"),
        (["clean", "train.jsonl", "--out", "train.jsonl"], "is never changed"),
        (["clean", "train.jsonl", "--out", "clean.csv"], "must end in .jsonl"),
        (["clean", "twice.jsonl", "--out", "clean.jsonl", "--keep", "exact-duplicates"], "did you mean exact-dupl"),
    ],
)
def test_an_impossible_argument_gives_one_sentence(
    work: Path, posttrain: Posttrain, arguments: list[str], message: str
) -> None:
    (work / "folder").mkdir()
    (work / "notes.md").write_text("# Notes\n")
    (work / "twice.jsonl").write_text(rows(GOOD, GOOD))
    before = (work / "train.jsonl").read_bytes()
    answer = posttrain(*arguments)
    assert answer.code == 2
    assert message in answer.err
    assert (work / "train.jsonl").read_bytes() == before


def test_evaluation_rows_that_cannot_be_read_are_reported(work: Path, posttrain: Posttrain) -> None:
    (work / "test.jsonl").write_text('{"id": 1, "input": "Say 1", "target": "1"}\nbroken\n')
    report = json.loads(posttrain("audit", "train.jsonl", "--against", "test.jsonl", "--json").out)
    found = {one["name"]: one for one in report["findings"]}
    assert found["unread-evaluation-row"]["rows"] == ["test.jsonl:2"]
    assert "unreadable-row" not in found


@pytest.mark.slow
def test_clean_killed_half_way_leaves_nothing_and_runs_again(work: Path, posttrain: Posttrain) -> None:
    answers = [{"prompt": f"Say {n}", "completion": "" if n % 5 == 0 else f"{n}, as asked."} for n in range(60_000)]
    (work / "many.jsonl").write_text(rows(*answers))
    before = (work / "many.jsonl").read_bytes()
    command = [sys.executable, "-m", "posttrain", "clean", "many.jsonl", "--out", "out/clean.jsonl", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    while not (work / "out/clean.jsonl.partial").exists() and process.poll() is None:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (work / "out/clean.jsonl").exists()
    assert not (work / "out/clean.log.jsonl").exists()
    assert (work / "many.jsonl").read_bytes() == before
    done = json.loads(posttrain(*command[3:]).out)
    assert done == {"read": 60_000, "written": 48_000, "dropped": 12_000, "changed": 0}
    assert sorted(path.name for path in (work / "out").iterdir()) == ["clean.jsonl", "clean.log.jsonl"]
