"""Seventy kinds of broken data files: each gives one sentence that names the file and the line."""

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from posttrain.data.files.read import read_rows
from posttrain.errors import InputError

GOOD = b'{"text": "one"}\n'


def parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return sink.getvalue()


# name of the case: (file, bytes, what the message must say besides the file's name)
MALFORMED: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "broken JSON": ("a.jsonl", GOOD + b'{"text": "x",}\n', (":2:", "column 14", "broken JSON")),
    "cut JSON": ("a.jsonl", GOOD * 2 + b'{"text": "on', (":3:", "column 10", "unterminated")),
    "two objects on a line": ("a.jsonl", GOOD + b'{"a": 1} {"a": 2}\n', (":2:", "column 10", "follows")),
    "single quotes": ("a.jsonl", b"{'text': 'one'}\n", (":1:", "column 2", "double quotes")),
    "raw tab in a string": ("a.jsonl", b'{"text": "a\tb"}\n', (":1:", "control character")),
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
        list(read_rows(name, base=tmp_path))
    message = str(caught.value)
    assert message.startswith(f"{name}:"), message
    assert str(tmp_path) not in message, "the file is named as the user named it"
    assert "\n" not in message
    assert len(message) < 400
    for part in parts:
        assert part in message, message
