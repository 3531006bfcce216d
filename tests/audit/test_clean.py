"""Safe fixes: dropped rows, corrected rows and the log of both; the original file stays as it was."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits import Write, by_name, look
from posttrain.audit.clean import clean_source, repaired_text
from posttrain.audit.rows.source import AuditSource
from posttrain.errors import InputError

ROWS = [
    {
        "instruction": f"Tell me about river number {n} in two sentences",
        "input": "",
        "output": f"River {n} is long and wide.",
    }
    for n in range(8)
]


def log_of(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.with_name("clean.log.jsonl").read_text().splitlines()]


def test_faults_are_dropped_or_corrected_and_each_is_logged(write: Write, tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["input"] = "<noinput>"
    rows[2]["output"] = ""
    rows[4] = dict(rows[3])
    rows[5]["output"] = "The cafÃ© stands by the river, itâ€™s old."
    path = write("train.jsonl", rows)
    before = path.read_bytes()
    out = tmp_path / "clean.jsonl"
    done = clean_source(AuditSource(str(path), {}), look(path), out)
    kept = [json.loads(line) for line in out.read_text().splitlines()]
    assert (done.read, done.written, done.dropped, done.changed) == (8, 6, 2, 2)
    assert kept[1]["input"] == ""
    assert kept[3]["output"] == "The café stands by the river, it’s old."
    assert [(one["row"].rpartition(":")[2], one["did"], one["why"]) for one in log_of(out)] == [
        ("2", "emptied", "placeholder-input"),
        ("3", "dropped", "empty-output"),
        ("5", "dropped", "exact-duplicate"),
        ("6", "decoded again", "encoding-damage"),
    ]
    assert path.read_bytes() == before


def test_a_cleaned_file_has_nothing_left_to_clean(write: Write, tmp_path: Path) -> None:
    rows = [*ROWS, *ROWS[:3], {"instruction": "x", "input": "N/A", "output": "An answer to the question."}]
    path, out = write("train.jsonl", rows), tmp_path / "clean.jsonl"
    clean_source(AuditSource(str(path), {}), look(path), out)
    assert not [one.name for one in look(out).findings if one.safe is not None]


def test_rows_of_kept_findings_stay(write: Write, tmp_path: Path) -> None:
    path, out = write("train.jsonl", [*ROWS, ROWS[0]]), tmp_path / "clean.jsonl"
    assert "exact-duplicate" in by_name(look(path))
    assert clean_source(AuditSource(str(path), {}), look(path), out, keep=["exact-duplicate"]).dropped == 0


def test_the_original_is_never_written_to(write: Write) -> None:
    path = write("train.jsonl", ROWS)
    with pytest.raises(InputError, match="is never changed"):
        clean_source(AuditSource(str(path), {}), look(path), path)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert repaired_text(text) == text


@given(st.text(alphabet=st.sampled_from("abc XYZ.,1éüñßÀÿ")), st.sampled_from(["latin-1", "cp1252"]))
def test_letters_in_the_wrong_encoding_are_repaired(text: str, encoding: str) -> None:
    try:
        damaged = text.encode("utf-8").decode(encoding)
    except UnicodeError:
        return  # bytes that this encoding has no character for
    assert repaired_text(damaged) == text
