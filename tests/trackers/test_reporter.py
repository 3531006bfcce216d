"""The reporter: each step once over killed processes, and a tracker that fails or hangs never stops a run."""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest

from posttrain.trackers.mark import Mark, read_mark, write_mark
from posttrain.trackers.metrics_reader import MetricsReader
from posttrain.trackers.reporter import Reporter
from posttrain.trackers.tracker import StageSummary, StepMetrics, TrackedRun

SUMMARY = StageSummary({"eval_loss": 0.5}, {"echo >= 0.9": "pass"})


class Recording:
    """A tracker that keeps what it gets; it can die or hang in a report."""

    def __init__(self, *, dies_at: int | None = None, hangs: Event | None = None) -> None:
        self.steps: list[int] = []
        self.runs: list[TrackedRun] = []
        self.summaries: list[StageSummary | None] = []
        self.dies_at, self.hangs = dies_at, hangs

    def start(self, run: TrackedRun) -> int:
        self.runs.append(run)
        return run.attempted

    def log(self, steps: Sequence[StepMetrics]) -> None:
        if self.hangs is not None:
            self.hangs.wait(10)
        for at in steps:
            if at.step == self.dies_at:
                raise ConnectionError("no route to the server\nsecond line")
            self.steps.append(at.step)

    def finish(self, summary: StageSummary | None) -> None:
        self.summaries.append(summary)


def line(step: int, split: str = "train", **values: float | None) -> str:
    return json.dumps({"step": step, **values, "split": split, "time": "2026-01-02T03:04:05+00:00"}) + "\n"


def write_steps(folder: Path, last: int) -> Path:
    path = folder / "metrics.jsonl"
    path.write_text(
        "".join(
            line(n, loss=1 / n) + (line(n, "eval", eval_loss=2.0) if n % 2 == 0 else "") for n in range(1, last + 1)
        )
    )
    return path


def reporter(folder: Path, tracker: Recording, notes: list[str] | None = None) -> Reporter:
    run = TrackedRun("", "out-sft", "out", {}, folder / "trackers")
    return Reporter(
        "mlflow", lambda: tracker, run, folder / "metrics.jsonl", (notes if notes is not None else []).append
    )


def test_a_step_is_reported_whole_and_only_when_no_further_line_of_it_can_come(tmp_path: Path) -> None:
    path = write_steps(tmp_path, 2)
    reader = MetricsReader(path)
    assert [(s.step, dict(s.values)) for s in reader.new_steps(ended=False)] == [(1, {"loss": 1.0})]
    with path.open("a") as file:
        file.write(line(3, loss=None, reward=0.5) + '{"step": 4, "lo')
    (second,) = reader.new_steps(ended=False)
    assert (second.step, dict(second.values), second.time) == (2, {"loss": 0.5, "eval_loss": 2.0}, 1767323045.0)
    (third,) = reader.new_steps(ended=True)
    assert dict(third.values) == {"reward": 0.5}, "a missing value is not reported, and half a line is no line"


def test_a_resumed_stage_reports_no_step_twice(tmp_path: Path) -> None:
    """Killed after step 7 was reported, resumed from the checkpoint of step 4."""
    first, second = Recording(), Recording()
    write_steps(tmp_path, 7)
    killed = reporter(tmp_path, first)
    killed.wake()
    killed.close(None)
    write_steps(tmp_path, 4)
    resumed = reporter(tmp_path, second)
    write_steps(tmp_path, 9)
    resumed.wake()
    resumed.close(SUMMARY)
    assert first.steps == list(range(1, 8))
    assert second.steps == [8, 9]
    assert second.runs[0].id == first.runs[0].id
    assert (first.summaries, second.summaries) == ([None], [SUMMARY])


def test_a_process_killed_in_a_report_leaves_a_mark_of_what_it_may_have_sent(tmp_path: Path) -> None:
    write_steps(tmp_path, 5)
    dying = reporter(tmp_path, Recording(dies_at=3))
    dying.close(SUMMARY)
    mark = read_mark(tmp_path / "trackers/mlflow.json")
    assert (mark.reported, mark.attempted, mark.finished) == (0, 5, None)
    later = Recording()
    reporter(tmp_path, later).close(SUMMARY)
    assert (later.runs[0].reported, later.runs[0].attempted) == (0, 5), "the tracker decides with these where to go on"


def test_a_finished_stage_is_reported_again_only_if_its_summary_changed(tmp_path: Path) -> None:
    write_steps(tmp_path, 3)
    reporter(tmp_path, Recording()).close(SUMMARY)
    again, changed = Recording(), Recording()
    reporter(tmp_path, again).close(SUMMARY)
    assert not again.runs
    reporter(tmp_path, changed).close(StageSummary({"eval_loss": 0.5}, {}))
    assert (changed.steps, len(changed.summaries)) == ([], 1)


def test_a_stage_that_failed_before_its_first_step_opens_no_tracker(tmp_path: Path) -> None:
    tracker = Recording()
    reporter(tmp_path, tracker).close(None)
    assert not tracker.runs
    assert not (tmp_path / "trackers").exists()


def test_a_tracker_that_fails_is_noted_once_and_the_run_goes_on(tmp_path: Path) -> None:
    notes: list[str] = []
    write_steps(tmp_path, 5)
    failing = reporter(tmp_path, Recording(dies_at=1), notes)
    failing.wake()
    failing.close(SUMMARY)
    failing.wake()
    (note,) = notes
    assert "mlflow" in note
    assert "no route to the server" in note
    assert "second line" not in note


def test_a_tracker_that_hangs_is_left_behind_and_reports_nothing_later(tmp_path: Path) -> None:
    notes: list[str] = []
    gate = Event()
    tracker = Recording(hangs=gate)
    write_steps(tmp_path, 500)
    hanging = reporter(tmp_path, tracker, notes)
    hanging.close(SUMMARY, patience=0.2)
    assert len(notes) == 1
    gate.set()
    hanging._thread.join(10)  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
    assert len(tracker.steps) == 200, "only the report that was under way"
    assert not tracker.summaries


@pytest.mark.parametrize("text", ["", "{", '{"other": 1}'])
def test_a_damaged_mark_begins_a_new_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "mark.json").write_text(text)
    assert read_mark(tmp_path / "mark.json").reported == 0
    write_mark(tmp_path / "mark.json", Mark("a", 3, 4))
    assert read_mark(tmp_path / "mark.json") == Mark("a", 3, 4)
