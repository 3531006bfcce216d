"""Files are read exactly or refused in one sentence that names the file and the line."""

import csv
import gzip
import io
import json
import math
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.data.read import Row, read_rows, source_files
from posttrain.data.streams import MAX_LINE
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


def csv_text(rows: list[dict[str, str]]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}

# name of the case: (file, bytes, what the message must say besides the file's name)
MALFORMED: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "broken JSON": ("a.jsonl", GOOD + b'{"text": "x",}\n', (":2:", "column 14", "broken JSON")),
    "cut JSON": ("a.jsonl", GOOD * 2 + b'{"text": "on', (":3:", "column 10", "unterminated")),
    "two objects on a line": ("a.jsonl", GOOD + b'{"a": 1} {"a": 2}\n', (":2:", "column 10", "follows")),
    "single quotes": ("a.jsonl", b"{'text': 'one'}\n", (":1:", "column 2", "double quotes")),
    "raw tab in a string": ("a.jsonl", b'{"text": "a\tb"}\n', (":1:", "control character")),
    "UTF-8 BOM": ("a.jsonl", b"\xef\xbb\xbf" + GOOD, (":1:", "UTF-8 byte order mark")),
    "UTF-8 BOM in CSV": ("a.csv", b"\xef\xbb\xbfa,b\n1,2\n", (":1:", "UTF-8 byte order mark")),
    "UTF-8 BOM in gzip": ("a.json.gz", gzip.compress(b"\xef\xbb\xbf[]"), (":1:", "UTF-8 byte order mark")),
    "UTF-16": ("a.jsonl", GOOD.decode().encode("utf-16"), (":1:", "UTF-16")),
    "UTF-16 big-endian": ("a.csv", b"\xfe\xff" + "a,b\n".encode("utf-16-be"), (":1:", "UTF-16")),
    "UTF-16 without a mark": ("a.jsonl", GOOD.decode().encode("utf-16-le"), (":1:", "UTF-16", "NUL")),
    "invalid UTF-8": ("a.jsonl", GOOD + b'{"text": "caf\xe9"}\n', (":2:", "byte 29", "0xe9", "UTF-8")),
    "invalid UTF-8 in CSV": ("a.csv", b"a,b\n1,2\n\xff,3\n", (":3:", "byte 8", "UTF-8")),
    "NUL byte": ("a.jsonl", GOOD + b'{"text": "a\x00b"}\n', (":2:", "NUL", "byte 27")),
    "NUL byte in text": ("a.txt", b"a\nb\x00\n", (":2:", "NUL", "byte 3")),
    "bare NaN": ("a.jsonl", GOOD + b'{"text": "one", "s": {"x": [1, NaN]}}\n', (":2:", "`s.x[1]`", "NaN", "null")),
    "bare Infinity": ("a.jsonl", b'{"score": -Infinity}\n', (":1:", "`score`", "-Infinity")),
    "number beyond floats": ("a.jsonl", b'{"score": 1e999}\n', (":1:", "`score`", "1e999")),
    "endless integer": ("a.jsonl", b'{"n": ' + b"9" * 5000 + b"}\n", (":1:", "broken JSON")),
    "duplicate key": ("a.jsonl", GOOD + b'{"text": "a", "text": "b"}\n', (":2:", "`text`", "twice")),
    "duplicate inner key": ("a.jsonl", b'{"m": [{"role": "a", "role": "b"}]}\n', (":1:", "`role`", "twice")),
    "half a surrogate pair": ("a.jsonl", b'{"text": "\\ud83d oh"}\n', (":1:", "\\ud83d", "surrogate")),
    "nested too deeply": ("a.jsonl", b"[" * 100_000, (":1:", "nested")),
    "row is a list": ("a.jsonl", b'["one"]\n', (":1:", "a list", ".json")),
    "row is a string": ("a.jsonl", GOOD + b'"one"\n', (":2:", "a string", "object")),
    "row is null": ("a.jsonl", GOOD + b"null\n", (":2:", "null", "object")),
    "10 MB line": ("a.jsonl", GOOD + b'{"text": "' + b"x" * 10_000_000 + b'"}\n', (":2:", "8 MiB")),
    "10 MB line of text": ("a.txt", b"a\n" + b"x" * 10_000_000, (":2:", "8 MiB")),
    "10 MB element": ("a.json", b'[\n{"text": "' + b"x" * 10_000_000 + b'"}]', (":2:", "8 MiB")),
    "10 MB field": ("a.csv", b'a,b\n1,"' + (b"x" * 999 + b"\n") * 10_000 + b'"\n', (":2:", "field limit")),
    "broken JSON in an array": ("a.json", b'[\n{"a": 1},\n{"a": }\n]', (":3:", "column 7")),
    "array cut short": ("a.json", b'[{"a": 1},\n', (":2:", "broken JSON")),
    "array without commas": ("a.json", b'[{"a": 1}\n{"a": 2}]', (":2:", "column 1", "','")),
    "text behind an array": ("a.json", b'[{"a": 1}]\n\n]', (":3:", "follows")),
    "NaN in an array": ("a.json", b'[{"a": 1},\n{"a": NaN}]', (":2:", "`a`", "NaN")),
    "duplicate key in an array": ("a.json", b'[{"a": 1},\n\n{"b": 1, "b": 2}]', (":3:", "`b`")),
    "element is a number": ("a.json", b'[{"a": 1},\n 7]', (":2:", "a number", "object")),
    "one object over several lines": ("a.json", b'{\n"a": [1]\n}', (":1:", "array of objects", ".jsonl")),
    "ragged CSV, too few": ("a.csv", b'a,b\n1,2\n"x\ny",2\n3\n', (":5:", "1 fields", "2")),
    "ragged CSV, too many": ("a.csv", b"a,b\n1,2,3\n", (":2:", "3 fields", "2")),
    "duplicate header": ("a.csv", b"a,b,a\n1,2,3\n", (":1:", "`a`", "twice")),
    "nameless header": ("a.csv", b",a\n0,x\n", (":1:", "column 1", "no name")),
    "unclosed quote": ("a.csv", b'a,b\n1,2\n"x,3\n4,5\n', (":3:", "broken CSV")),
    "text behind a quote": ("a.csv", b'a,b\n"x"y,3\n', (":2:", "broken CSV")),
    "bare carriage returns": ("a.csv", b"a,b\r1,2\r", (":1:", "broken CSV")),
    "semicolons": ("a.csv", b"a;b\n1;2\n", (":1:", "semicolons")),
    "tabs": ("a.csv", b"a\tb\n1\t2\n", (":1:", "tabs")),
    "empty file": ("a.jsonl", b"", ("empty",)),
    "only blank lines": ("a.jsonl", b"\n  \n", ("empty",)),
    "empty array": ("a.json", b" [ ] ", ("empty",)),
    "blank .json": ("a.json", b"\n", ("empty",)),
    "only a header": ("a.csv", b"a,b\n", ("empty",)),
    "empty CSV": ("a.csv", b"", ("empty",)),
    "empty text": ("a.txt", b"\n<|endoftext|>\n\n", ("empty",)),
    "empty gzip": ("a.jsonl.gz", b"", ("empty",)),
    "empty zstd": ("a.jsonl.zst", zstandard.compress(b""), ("empty",)),
    "Parquet without rows": ("a.parquet", parquet([], pa.schema([("a", pa.string())])), ("empty",)),
    "no gzip": ("a.jsonl.gz", GOOD, ("damaged",)),
    "truncated gzip": ("a.jsonl.gz", gzip.compress(GOOD)[:-5], ("cut short",)),
    "gzip of another sum": ("a.jsonl.gz", gzip.compress(GOOD)[:-8] + bytes(8), ("damaged",)),
    "no zstd": ("a.jsonl.zst", GOOD, ("damaged",)),
    "truncated zstd": ("a.jsonl.zst", zstandard.compress(GOOD * 99)[:-3], ("cut short",)),
    "zstd with a tail": ("a.csv.zst", zstandard.compress(b"a\n1\n") + b"tail", ("damaged",)),
    "no Parquet": ("a.parquet", GOOD, ("damaged",)),
    "empty Parquet file": ("a.parquet", b"", ("damaged",)),
    "truncated Parquet": ("a.parquet", parquet([{"a": "x"}] * 9)[:-9], ("damaged",)),
    "Parquet with zeros for a footer": ("a.parquet", b"PAR1" + bytes(32) + b"\x20\0\0\0PAR1", ("damaged",)),
    "truncated gzip of Parquet": ("a.parquet.gz", gzip.compress(parquet([{"a": "x"}]))[:-9], ("cut short",)),
    "spreadsheet": ("a.xlsx", b"PK", ("unknown kind", ".jsonl", ".parquet", ".gz")),
    "no suffix": ("a", GOOD, ("unknown kind",)),
    "zip": ("a.jsonl.zip", b"PK", ("unknown kind",)),
    "only a compression": ("a.gz", gzip.compress(GOOD), ("unknown kind",)),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_gives_one_sentence_that_names_file_and_line(case: str, tmp_path: Path) -> None:
    name, content, parts = MALFORMED[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(name, base=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name}:"), message
    assert str(tmp_path) not in message, "the file is named as the user named it"
    assert "\n" not in message
    assert len(message) < 400
    for part in parts:
        assert part in message, message


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

    def test_what_is_no_data_is_named(self, tmp_path: Path) -> None:
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

    def test_unicode_line_separators_end_no_line(self, tmp_path: Path) -> None:
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
    with pytest.raises(InputError, match=r"^a\.parquet: two columns are called `a`"):
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


def test_a_file_larger_than_what_is_held_streams(tmp_path: Path) -> None:
    import tracemalloc

    with gzip.open(tmp_path / "a.jsonl.gz", "wt", compresslevel=1) as file:
        for n in range(20_000):
            file.write(json.dumps({"n": n, "text": "x" * 1000}) + "\n")
    tracemalloc.start()
    assert sum(1 for _ in read_rows(tmp_path / "a.jsonl.gz")) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000, "20 MB were read, a tenth may be held"


def test_source_files_are_those_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    assert source_files("a.jsonl", base=tmp_path) == [("a.jsonl", tmp_path / "a.jsonl")]
    assert source_files(str(tmp_path / "a.jsonl"), base=Path("elsewhere"))[0][1] == tmp_path / "a.jsonl"


_PROPERTY = settings(max_examples=50, deadline=None)  # files on a busy disk take their time

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
def test_no_bytes_give_anything_but_rows_or_a_sentence(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    try:
        rows, error = values(folder / name), ""
    except InputError as caught:
        rows, error = [], str(caught)
    assert rows or error.startswith(str(folder / name))
    assert json.dumps(rows, ensure_ascii=False, allow_nan=False).encode()


@_PROPERTY
@given(cut=st.integers(1, 60), kind=st.sampled_from([".gz", ".zst"]))
def test_no_truncation_of_a_compressed_file_passes(folder: Path, cut: int, kind: str) -> None:
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
