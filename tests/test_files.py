"""Writing is atomic: under kill -9, on a full disk, and over an older version."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from posttrain.errors import InputError
from posttrain.files import PARTIAL, hash_of, read_json, sha256_of, whole_folder, write_json, write_whole


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Kill -9, so many seconds after the process prints that it works."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


REPLACE_FOLDER = """
    import sys
    from itertools import count
    from pathlib import Path
    from posttrain.files import whole_folder
    print("ready", flush=True)
    for n in count():
        with whole_folder(Path(sys.argv[1])) as folder:
            for part in range(3):
                (folder / str(part)).write_text(str(n))
"""

REPLACE_FILE = """
    import sys
    from itertools import count
    from pathlib import Path
    from posttrain.files import write_whole
    print("ready", flush=True)
    for n in count():
        write_whole(Path(sys.argv[1]), str(n) * 50_000)
"""


def test_a_folder_replaced_over_and_over_is_whole_whenever_the_process_dies(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as folder:
        for part in range(3):
            (folder / str(part)).write_text("first")
    for tenth in range(8):
        kill_after(start(REPLACE_FOLDER, target), 0.004 * tenth)
        assert len({(target / str(part)).read_text() for part in range(3)}) == 1
        assert sorted(path.name for path in target.iterdir()) == ["0", "1", "2"]
    with whole_folder(target) as folder:
        (folder / "0").write_text("after")
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "what the dead left behind is cleared away"


def test_a_file_replaced_over_and_over_is_whole_whenever_the_process_dies(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    for tenth in range(8):
        write_whole(target, "0" * 50_000)
        kill_after(start(REPLACE_FILE, target), 0.004 * tenth)
        text = target.read_text()
        assert text == text[: len(text) // 50_000] * 50_000


def test_a_folder_interrupted_while_it_is_written_does_not_appear(tmp_path: Path) -> None:
    process = start(
        """
        import sys, time
        from pathlib import Path
        from posttrain.files import whole_folder
        with whole_folder(Path(sys.argv[1])) as folder:
            (folder / "half").write_text("half")
            print("ready", flush=True)
            time.sleep(60)
        """,
        tmp_path / "model",
    )
    kill_after(process, 0)
    assert not (tmp_path / "model").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two names in one step")
def test_an_old_folder_is_never_absent_while_a_new_one_takes_its_name(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as folder:
        (folder / "0").write_text("first")
    process = start(REPLACE_FOLDER, target)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert all(target.is_dir() for _ in range(100_000))
    finally:
        process.kill()
        process.communicate()


def test_an_error_inside_leaves_the_old_folder_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with whole_folder(target) as folder:
        (folder / "a").write_text("old")

    def fail() -> None:
        with whole_folder(target) as folder:
            (folder / "a").write_text("new")
            raise KeyError("bug")

    with pytest.raises(KeyError):
        fail()
    assert (target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    from safetensors.numpy import save_file
    from posttrain.errors import InputError
    from posttrain.files import whole_folder, write_whole

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    target = Path(sys.argv[1])
    try:
        if sys.argv[2] == "file":
            write_whole(target, "x" * 100_000)
        else:
            with whole_folder(target) as folder:
                if sys.argv[2] == "safetensors":
                    save_file({"w": np.zeros(100_000)}, folder / "model.safetensors")
                else:
                    (folder / "text").write_text("x" * 100_000)
    except InputError as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["file", "text", "safetensors"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    """A limit on file sizes replaces the full disk: the write fails midway too."""
    out, err = start(FULL_DISK, tmp_path / "target", what).communicate()
    assert err == ""
    assert out.startswith(f"{tmp_path / 'target'}: cannot be written (File too large)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_no_space_left_is_named_as_the_reason(tmp_path: Path) -> None:
    def write() -> None:
        with whole_folder(tmp_path / "model"), open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123
            file.write(b"x")

    with pytest.raises(InputError, match=r"model: cannot be written \(No space left on device\)"):
        write()


def test_a_folder_where_a_file_is_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"out/run\.json: cannot be written"):
        write_whole(tmp_path / "out" / "run.json", "{}")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here, where no folder can be made")
def test_a_place_where_no_folder_can_be_made_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"/proc/none/a\.txt: cannot be written"):
        write_whole(Path("/proc/none/a.txt"), "text")
    with pytest.raises(InputError, match="cannot be written"), whole_folder(Path("/proc/none/folder")):
        pass


def test_a_missing_input_while_a_folder_is_written_is_no_error_of_the_disk(tmp_path: Path) -> None:
    def copy() -> None:
        with whole_folder(tmp_path / "model"):
            (tmp_path / "absent").read_text()

    with pytest.raises(FileNotFoundError):
        copy()


def test_a_hash_covers_names_and_contents_but_no_unfinished_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("1")
    before = sha256_of(folder)
    (folder / f"b.json{PARTIAL}").write_text("2")
    (folder / f"checkpoint{PARTIAL}").mkdir()
    (folder / f"checkpoint{PARTIAL}" / "weights").write_text("3")
    assert sha256_of(folder) == before
    (folder / f"x{PARTIAL}.md").write_text("a finished file that merely mentions the suffix")
    assert sha256_of(folder) != before
    (folder / f"x{PARTIAL}.md").unlink()
    (folder / "deep" / "a").rename(folder / "deep" / "b")
    assert sha256_of(folder) != before
    (folder / "deep" / "b").write_text("4")
    renamed = sha256_of(folder)
    (folder / "deep" / "b").write_text("5")
    assert sha256_of(folder) != renamed


def test_a_hash_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert hash_of({"a": 1, "b": [1, 2]}) == hash_of({"b": [1, 2], "a": 1})
    assert hash_of({"a": 1, "b": [1, 2]}) != hash_of({"a": 1, "b": [2, 1]})


def test_json_is_read_back_and_nan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    write_json(path, {"größe": None})
    assert read_json(path) == {"größe": None}
    assert json.loads(path.read_bytes()) == {"größe": None}
    with pytest.raises(ValueError):
        write_json(path, {"loss": float("nan")})
    assert read_json(path) == {"größe": None}
    assert os.listdir(path.parent) == ["summary.json"]  # noqa: PTH208
