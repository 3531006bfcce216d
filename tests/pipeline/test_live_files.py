"""What a run at work leaves for those who follow it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.console import Screen
from posttrain.errors import InputError
from posttrain.pipeline.live_files import (
    PROGRESS,
    LiveFiles,
    ShownProgress,
    at_work,
    console_lines,
    followed,
    lines_of_this_attempt,
    shown_progress,
)
from posttrain.pipeline.run_directory import locked, take_lock


def test_lines_and_the_bar_of_a_quiet_screen_are_in_the_folder(tmp_path: Path) -> None:
    now = [1000.0]
    screen = Screen(quiet=True).followed_by(LiveFiles(tmp_path, clock=lambda: now[0]))
    screen.title("[1/2] sft (sft)")
    with screen.bar("training", 40) as advance:
        now[0] += 5
        advance(10, "")  # it resumes at the tenth step
        shown = shown_progress(tmp_path)
        assert shown is not None
        assert shown.remaining is None
        now[0] += 5
        advance(15, "loss 0.5")
        shown = shown_progress(tmp_path)
        assert shown == ShownProgress("training", 15, 40, "loss 0.5", 10, 1005.0, 1010.0)
        assert shown.remaining == 25
        now[0] += 0.5
        advance(16, "loss 0.4")  # too soon for another write
        assert shown_progress(tmp_path) == shown
    screen.note("done:\nwell")
    assert shown_progress(tmp_path) is None
    assert [line[21:] for line in console_lines(tmp_path, 10)] == ["[1/2] sft (sft)", "done: well"]
    assert [line[21:] for line in console_lines(tmp_path, 1)] == ["done: well"]


def test_a_screen_without_a_follower_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    screen = Screen(quiet=True)
    screen.followed_by(LiveFiles(tmp_path))
    screen.note("a line")
    with screen.bar("training", 2) as advance:
        advance(1, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_disturbs_no_run(tmp_path: Path) -> None:
    screen = Screen(quiet=True).followed_by(LiveFiles(tmp_path / "gone"))
    screen.note("a line")
    with screen.bar("training", 2) as advance:
        advance(1, "")
    assert console_lines(tmp_path / "gone", 5) == []


def test_broken_progress_is_no_progress(tmp_path: Path) -> None:
    for text in ("", "{", "[]", json.dumps({"title": "training"})):
        (tmp_path / PROGRESS).write_text(text)
        assert shown_progress(tmp_path) is None


def test_a_run_is_at_work_while_a_process_holds_its_folder(tmp_path: Path) -> None:
    assert not at_work(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom posttrain.pipeline.run_directory import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert at_work(tmp_path)
    with pytest.raises(InputError, match="another run is at work here"), locked(tmp_path):
        pass
    process.kill()
    process.wait()
    assert not at_work(tmp_path)
    os.close(take_lock(tmp_path))


def fail_in(folder: Path) -> None:
    with followed(Screen(quiet=True), folder) as screen:
        screen.note("alarm: of this attempt")
        raise InputError("the disk is full")


def test_each_attempt_begins_again_and_the_reason_of_its_end_is_the_last_line(tmp_path: Path) -> None:
    LiveFiles(tmp_path).line("alarm: of an earlier attempt")
    (tmp_path / PROGRESS).write_text("{}")
    with pytest.raises(InputError):
        fail_in(tmp_path)
    assert not (tmp_path / PROGRESS).exists()
    lines = lines_of_this_attempt(console_lines(tmp_path, 10))
    assert [line[21:] for line in lines] == ["alarm: of this attempt", "the run has ended: the disk is full"]
