"""Files are read exactly or refused in one sentence that names the file and the line."""

import csv
import gzip
import io
import json
import math
import random
import string
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.data.files.read import Row, read_rows, source_files
from posttrain.data.files.utf8_lines import MAX_LINE
from posttrain.errors import InputError

GOOD = b'{"text": "one"}\n'


def read(source: str | Path, base: Path | None = None) -> list[Row]:
    return list(read_rows(source, base=base))


def values(source: str | Path) -> list[dict[str, Any]]:
    return [dict(row.values) for row in read(source)]


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv_text(rows: list[dict[str, str]]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def test_the_rows_before_a_broken_line_are_not_held_back(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"oops\n")
    rows = read_rows(tmp_path / "a.jsonl")
    assert next(rows).values == {"text": "one"}
    with pytest.raises(InputError):
        next(rows)


def test_a_missing_file_is_reported_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_bytes(GOOD)
    with pytest.raises(InputError, match=r"^trian\.jsonl: no such file; did you mean train\.jsonl\?"):
        read_rows("trian.jsonl", base=tmp_path)
    with pytest.raises(InputError, match="no folder"):
        read_rows("nowhere/train.jsonl", base=tmp_path)


def test_an_unreadable_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"^a\.jsonl: cannot be read \(Permission denied\)"):
        read("a.jsonl", base=tmp_path)


class TestFolder:
    def test_its_files_are_read_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        (tmp_path / "d/b.jsonl.gz").write_bytes(gzip.compress(b'{"n": 2}\n'))
        (tmp_path / "d/a.csv").write_bytes(b"n\n1\n")
        (tmp_path / "d/.hidden").write_bytes(b"")
        rows = read("d/", base=tmp_path)
        assert [(row.where, row.values) for row in rows] == [
            ("d/a.csv:2", {"n": "1"}),
            ("d/b.jsonl.gz:1", {"n": 2}),
        ]

    def test_entries_that_are_no_data_files_are_named(self, tmp_path: Path) -> None:
        for name in ("a.jsonl", "README.md", "weights.bin"):
            (tmp_path / name).write_bytes(GOOD)
        (tmp_path / "old").mkdir()
        with pytest.raises(InputError, match=r"README\.md, old/, weights\.bin"):
            read_rows(tmp_path)

    def test_without_data_it_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        with pytest.raises(InputError, match=r"^d: the folder is empty"):
            read_rows("d", base=tmp_path)

    def test_one_empty_file_in_it_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(GOOD)
        (tmp_path / "b.jsonl").write_bytes(b"")
        with pytest.raises(InputError, match=r"b\.jsonl: the file is empty"):
            read(tmp_path)


class TestWhere:
    def test_jsonl_counts_blank_lines_too(self, tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(GOOD + b"\n \r\n" + GOOD)
        assert [row.where for row in read("a.jsonl", base=tmp_path)] == ["a.jsonl:1", "a.jsonl:4"]

    def test_unicode_line_separators_do_not_end_a_line(self, tmp_path: Path) -> None:
        text = "a\u2028b\u2029c\u0085d"
        (tmp_path / "a.jsonl").write_text(json.dumps({"t": text}, ensure_ascii=False) + "\n", encoding="utf-8")
        assert values(tmp_path / "a.jsonl") == [{"t": text}]

    def test_a_json_element_is_named_by_the_line_it_starts_at(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('\n[ {"a": 1}, {"a":\n2},\n\n  {"a": 3}\n]\n')
        rows = read("a.json", base=tmp_path)
        assert [row.where for row in rows] == ["a.json:2", "a.json:2", "a.json:5"]
        assert [row.values["a"] for row in rows] == [1, 2, 3]

    def test_json_lines_called_json_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('{"a": 1}\n{"a": 2}\n')
        assert [row.where for row in read("a.json", base=tmp_path)] == ["a.json:1", "a.json:2"]

    def test_a_csv_row_is_named_by_the_line_it_starts_at(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b'a,b\r\n"1\r\n1",x\r\n\r\n2,"y,""z"""\r\n')
        rows = read("a.csv", base=tmp_path)
        assert [row.where for row in rows] == ["a.csv:2", "a.csv:5"]
        assert [row.values for row in rows] == [{"a": "1\r\n1", "b": "x"}, {"a": "2", "b": 'y,"z"'}]

    def test_parquet_counts_rows_over_batches_and_row_groups(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"n": range(700)}), tmp_path / "a.parquet", row_group_size=300)
        rows = read("a.parquet", base=tmp_path)
        assert [row.where for row in rows] == [f"a.parquet:row {n + 1}" for n in range(700)]
        assert [row.values["n"] for row in rows] == list(range(700))

    def test_a_text_document_is_named_by_its_first_line(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("\none\n\ntwo\n<|endoftext|>\n\n\nthree <|endoftext|> four\n<|endoftext|>\n")
        assert [(row.where, row.values["text"]) for row in read("a.txt", base=tmp_path)] == [
            ("a.txt:2", "one\n\ntwo"),
            ("a.txt:8", "three <|endoftext|> four"),
        ]


def test_two_parquet_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"^a\.parquet: .*`a`.*rename"):
        read("a.parquet", base=tmp_path)


def test_a_long_csv_field_is_read(tmp_path: Path) -> None:
    content = "many words\n" * 20_000  # 220 kB, over the csv module's own limit of 131,072
    (tmp_path / "a.csv").write_bytes(csv_text([{"a": content}]))
    assert values(tmp_path / "a.csv") == [{"a": content}]


def test_a_line_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    frame = len('{"t": ""}\n')
    (tmp_path / "a.jsonl").write_text('{"t": "' + "x" * (MAX_LINE - frame) + '"}\n')
    assert len(values(tmp_path / "a.jsonl")[0]["t"]) == MAX_LINE - frame
    (tmp_path / "a.jsonl").write_text('{"t": "' + "x" * (MAX_LINE - frame + 1) + '"}\n')
    with pytest.raises(InputError, match=r"a\.jsonl:1: the line is longer than 8 MiB"):
        read(tmp_path / "a.jsonl")


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.zst", "a.parquet"])
def test_a_file_larger_than_memory_streams(name: str, tmp_path: Path) -> None:
    rows = [{"text": random.randbytes(500).hex()} for _ in range(20_000)]
    content = {".parquet": parquet, ".gz": json_lines, ".zst": csv_text}[Path(name).suffix](rows)
    (tmp_path / name).write_bytes(COMPRESS.get(Path(name).suffix, bytes)(content))
    del rows, content
    next(read_rows(tmp_path / name))  # imports are not counted
    tracemalloc.start()
    held = 0
    for count, _ in enumerate(read_rows(tmp_path / name)):
        if count % 1000 == 0:
            held = max(held, pa.total_allocated_bytes())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000, "20 MB were read, a fifth may be held"
    assert held < 10_000_000, "Arrow holds a dictionary page and a buffer for each column"


def test_source_files_are_those_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    assert source_files("a.jsonl", base=tmp_path) == [("a.jsonl", tmp_path / "a.jsonl")]
    assert source_files(str(tmp_path / "a.jsonl"), base=Path("elsewhere"))[0][1] == tmp_path / "a.jsonl"


_PROPERTY = settings(max_examples=50)

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
_KEYS = st.text(string.ascii_letters + "äé_ ,\"'", min_size=1, max_size=6).filter(lambda key: key.strip() != "")
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_ROWS = st.lists(st.dictionaries(_KEYS, _JSON, max_size=4), min_size=1, max_size=5)
_TABLES = st.lists(_KEYS, min_size=1, max_size=4, unique=True).flatmap(
    lambda keys: st.lists(st.fixed_dictionaries(dict.fromkeys(keys, _TEXT)), min_size=1, max_size=5)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@pytest.mark.parametrize("suffix", COMPRESS)
@_PROPERTY
@given(rows=_ROWS, ascii_only=st.booleans())
def test_json_lines_come_back_as_written(folder: Path, suffix: str, rows: list[Any], ascii_only: bool) -> None:
    path = folder / f"a.jsonl{suffix}"
    text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    path.write_bytes(COMPRESS[suffix](text.encode()))
    assert values(path) == rows


@pytest.mark.parametrize("suffix", COMPRESS)
@_PROPERTY
@given(rows=_ROWS, indent=st.none() | st.integers(0, 4))
def test_json_arrays_come_back_as_written(folder: Path, suffix: str, rows: list[Any], indent: int | None) -> None:
    path = folder / f"a.json{suffix}"
    path.write_bytes(COMPRESS[suffix](json.dumps(rows, indent=indent).encode()))
    assert values(path) == rows


@pytest.mark.parametrize("suffix", COMPRESS)
@_PROPERTY
@given(rows=_TABLES)
def test_csv_comes_back_as_written(folder: Path, suffix: str, rows: list[dict[str, str]]) -> None:
    path = folder / f"a.csv{suffix}"
    path.write_bytes(COMPRESS[suffix](csv_text(rows)))
    assert values(path) == rows


@pytest.mark.parametrize("suffix", COMPRESS)
@_PROPERTY
@given(rows=_TABLES, messages=st.lists(st.fixed_dictionaries({"role": _TEXT, "content": _TEXT}), max_size=3))
def test_parquet_comes_back_as_written(
    folder: Path, suffix: str, rows: list[dict[str, Any]], messages: list[dict[str, str]]
) -> None:
    rows = [{**row, "nested": messages} for row in rows]
    path = folder / f"a.parquet{suffix}"
    path.write_bytes(COMPRESS[suffix](parquet(rows)))
    assert values(path) == rows


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
@_PROPERTY
@given(content=st.binary(max_size=200) | st.text('{}[]",:\\uds0189aN \n', max_size=60).map(str.encode))
def test_any_bytes_give_rows_or_one_sentence(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    try:
        rows, error = values(folder / name), ""
    except InputError as caught:
        rows, error = [], str(caught)
    assert rows or error.startswith(str(folder / name))
    assert json.dumps(rows, ensure_ascii=False, allow_nan=False).encode()


@_PROPERTY
@given(cut=st.integers(1, 60), kind=st.sampled_from([".gz", ".zst"]))
def test_every_truncation_of_a_compressed_file_is_refused(folder: Path, cut: int, kind: str) -> None:
    whole = COMPRESS[kind](b"".join(b'{"n": %d}\n' % math.factorial(n) for n in range(20)))
    (folder / f"cut.jsonl{kind}").write_bytes(whole[: len(whole) - min(cut, len(whole) - 1)])
    with pytest.raises(InputError, match="damaged or cut short"):
        read(folder / f"cut.jsonl{kind}")


REAL = {
    "instruct/alpaca_claude_t45.jsonl.gz": 5305,
    "instruct/alpaca_en_demo.jsonl.gz": 999,
    "instruct/alpaca_random_9k.jsonl.gz": 9229,
    "instruct/dolly_3k.jsonl.gz": 2996,
    "instruct/glaive_toolcall_en_demo.jsonl.gz": 300,
    "instruct/self_instruct_seed_tasks.jsonl.gz": 175,
    "instruct/user_oriented_instructions.jsonl.gz": 252,
    "pharma/fda_label_adverse_reactions_train.jsonl.gz": 239,
    "pharma/medquad_answered.jsonl.gz": 16412,
    "pharma/medquad_answers_removed.jsonl.gz": 31029,
    "pharma/mts_dialog_train.csv": 1201,
    "pharma/mts_dialog_validation.csv": 100,
    "pharma/pubmedqa_pqal.jsonl.gz": 1000,
    "preference/dpo_en_demo.jsonl.gz": 300,
    "preference/hh_rlhf_helpful_base_test.jsonl.gz": 2354,
    "preference/hh_rlhf_helpful_rejection_sampled_test.jsonl.gz": 2749,
    "preference/kto_en_demo.jsonl.gz": 300,
    "preference/pandalm_judge_gpt_3_5_turbo.jsonl.gz": 999,
    "preference/pandalm_judge_pandalm_7b.jsonl.gz": 999,
    "preference/pandalm_testset_v1.jsonl.gz": 999,
    "safety/safety_only_instructions.jsonl.gz": 2483,
    "text/c4_demo.jsonl.gz": 300,
    "text/tinystories_sample.txt": 5,
    "text/wiki_demo.txt.gz": 1,  # no end-of-text lines: the file is one document
    "verifiable/HumanEval.jsonl.gz": 164,
    "verifiable/gsm8k_train.jsonl.gz": 7473,
    "verifiable/svamp_test.jsonl.gz": 1000,
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_set_has_the_rows_its_manifest_states(name: str, data_dir: Path) -> None:
    assert sum(1 for _ in read_rows(name, base=data_dir)) == REAL[name]


def test_real_bare_nan_is_refused_by_key(data_dir: Path) -> None:
    with pytest.raises(InputError, match=r"pediatric\.jsonl\.gz:\d+: `adverse_events\[\d+\]\S*` is NaN"):
        read("pharma/fda_label_pediatric.jsonl.gz", base=data_dir)


def test_real_csv_lines_point_at_the_row(data_dir: Path) -> None:
    name = "pharma/mts_dialog_train.csv"
    text = (data_dir / name).read_bytes().split(b"\n")
    for row in read(name, base=data_dir):
        line = int(row.where.rpartition(":")[2])
        assert text[line - 1].startswith(f"{row.values['ID']},".encode())
