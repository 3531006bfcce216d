"""Hub data sets are read from the cache without a network, and splits are never mixed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.data.files.hub import hub_files
from posttrain.data.files.read import read_rows
from posttrain.errors import InputError

SUFFIXES = (".jsonl", ".parquet")


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A downloaded data set: what the hub's client would return the folder of."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
    return tmp_path


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "one"}\n')


def names(source: str) -> list[str]:
    return [name for name, _ in hub_files(source, SUFFIXES)]


def test_one_split_is_read_whole_and_other_files_are_ignored(snapshot: Path) -> None:
    put(snapshot, "README.md", "data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet")
    assert names("hf://org/name") == [
        "hf://org/name/data/train-00000-of-00002.parquet",
        "hf://org/name/data/train-00001-of-00002.parquet",
    ]
    assert names("hf://org/name/train") == names("hf://org/name")


def test_several_splits_must_be_named(snapshot: Path) -> None:
    put(snapshot, "train.jsonl", "test.jsonl", "latest.jsonl")
    with pytest.raises(InputError, match=r"^hf://org/name: holds several splits \(test, train\).*hf://org/name/train"):
        names("hf://org/name")
    assert names("hf://org/name/train") == ["hf://org/name/train.jsonl"]
    assert names("hf://org/name/test.jsonl") == ["hf://org/name/test.jsonl"]


def test_a_folder_of_splits_must_be_named_to_the_split(snapshot: Path) -> None:
    put(snapshot, "harmless/train.jsonl.gz", "helpful/train.jsonl.gz", "helpful/test.jsonl.gz")
    with pytest.raises(InputError, match="several splits"):
        names("hf://org/name/helpful")
    assert names("hf://org/name/helpful/train") == ["hf://org/name/helpful/train.jsonl.gz"]
    assert len(names("hf://org/name/train")) == 2


def test_a_split_is_not_confused_with_one_whose_name_starts_the_same(snapshot: Path) -> None:
    put(snapshot, "data/train_sft-00000-of-00001.parquet", "data/train_prefs-00000-of-00001.parquet")
    assert names("hf://org/name/train_prefs") == ["hf://org/name/data/train_prefs-00000-of-00001.parquet"]
    with pytest.raises(InputError, match=r"no data file, folder or split `train`; it has data/train_prefs"):
        names("hf://org/name/train")
    with pytest.raises(InputError, match=r"several splits \(train_prefs, train_sft\)"):
        names("hf://org/name")


def test_converted_shards_belong_to_their_folder(snapshot: Path) -> None:
    put(snapshot, "default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet")
    assert len(names("hf://org/name/train")) == 2
    assert len(names("hf://org/name/default/test")) == 1


def test_a_set_without_data_files_is_refused(snapshot: Path) -> None:
    put(snapshot, "README.md", "script.py")
    with pytest.raises(InputError, match=r"^hf://org/name: the data set holds no data files"):
        names("hf://org/name")


@pytest.mark.parametrize("source", ["hf://", "hf://name", "hf://org/", "hf:///name", "hf://o rg/name"])
def test_a_malformed_name_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="hf://org/name"):
        names(source)


def test_a_set_that_cannot_be_fetched_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host\nsecond line")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError) as caught:
        read_rows("hf://org/name")
    assert str(caught.value).startswith("hf://org/name: ")
    assert "no route to host" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_offline_reads_the_cache_and_nothing_else(tmp_path: Path) -> None:
    cached = tmp_path / "hub/datasets--org--name"
    put(cached, "snapshots/0123456789abcdef0123456789abcdef01234567/train.jsonl")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("0123456789abcdef0123456789abcdef01234567")
    code = (
        "from posttrain.data.files.read import read_rows\n"
        "from posttrain.errors import InputError\n"
        "print([row.where for row in read_rows('hf://org/name')])\n"
        "try: read_rows('hf://org/absent')\n"
        "except InputError as error: print(error)\n"
    )
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    env.pop("HF_HUB_CACHE", None)
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    where, error = done.stdout.splitlines()
    assert where == "['hf://org/name/train.jsonl:1']"
    assert error.startswith("hf://org/absent: ")
