"""Reports a stage's ``metrics.jsonl`` to one tracker, in a thread of its own, so that training never waits for it.

The file is the truth: the reporter sends the steps in it that are not yet reported. A resumed stage truncates the file
to its checkpoint and trains the later steps again, with the same values; those that are reported already are not
reported again. A tracker that fails gets nothing more from this process, and never stops the run.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event, Thread

from posttrain.errors import first_line
from posttrain.files import hash_of
from posttrain.trackers.mark import Mark, read_mark, write_mark
from posttrain.trackers.metrics_reader import MetricsReader
from posttrain.trackers.tracker import StageSummary, TrackedRun, Tracker

PAUSE = 1.0
"""Seconds between reports."""

PATIENCE = 60.0
"""Seconds that the end of a stage waits for a tracker."""

MOST_STEPS = 200
"""The most steps in one report."""

AGAIN = "the run goes on, metrics.jsonl has every step, and the same command reports the rest when it runs again"


class Reporter:
    """The reports of one stage to one tracker.

    All methods are called by the thread that trains. The folder of the run is not touched before `wake` or `close`.

    Args:
        name: of the tracker.
        client: opens the tracker; called in the reporter's thread.
        run: the stage; the mark gives its id and its steps.
        metrics: the path of ``metrics.jsonl``.
        on_note: receives a sentence if the tracker fails, once.
    """

    def __init__(
        self,
        name: str,
        client: Callable[[], Tracker],
        run: TrackedRun,
        metrics: Path,
        on_note: Callable[[str], None],
    ) -> None:
        self._name, self._client, self._run, self._metrics, self._on_note = name, client, run, metrics, on_note
        self._mark_file = run.folder / f"{name}.json"
        self._thread: Thread | None = None
        self._news, self._ending, self._abandoned = Event(), Event(), Event()
        self._summary: StageSummary | None = None
        self._problem: str | None = None

    def wake(self) -> None:
        """Report the new steps soon. The first call begins to report."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name=f"tracker {self._name}", daemon=True)
            self._thread.start()
        self._news.set()
        self._show_problem()

    def close(self, summary: StageSummary | None, patience: float = PATIENCE) -> None:
        """Report the rest, and wait for it a while.

        Args:
            summary: None if the stage did not finish.
            patience: in seconds.
        """
        if self._thread is None and (summary is None or read_mark(self._mark_file).finished == _hash(summary)):
            return
        self._summary = summary
        self._ending.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(patience)
            if self._thread.is_alive():
                self._abandoned.set()
                self._problem = f"no answer for {patience:.0f} s"
        self._show_problem()

    def _show_problem(self) -> None:
        if self._problem:
            self._on_note(f"{self._name} gets no further reports ({self._problem}); {AGAIN}")
            self._problem = ""  # shown once

    def _work(self) -> None:
        """The reporter's thread."""
        try:
            self._report(self._client())
        except (Exception, SystemExit) as error:
            if self._problem is None:
                self._problem = first_line(error)

    def _report(self, tracker: Tracker) -> None:
        mark, reader = read_mark(self._mark_file), MetricsReader(self._metrics)
        write_mark(self._mark_file, mark)  # the id is on disk before the tracker has it
        last = tracker.start(replace(self._run, id=mark.id, reported=mark.reported, attempted=mark.attempted))
        while not self._abandoned.is_set():
            self._news.wait()
            self._news.clear()
            ended = self._ending.is_set()
            steps = [step for step in reader.new_steps(ended=ended) if step.step > last]
            for start in range(0, len(steps), MOST_STEPS):
                if self._abandoned.is_set():
                    return
                part = steps[start : start + MOST_STEPS]
                write_mark(self._mark_file, mark := replace(mark, attempted=part[-1].step))
                tracker.log(part)
                last = part[-1].step
                write_mark(self._mark_file, mark := replace(mark, reported=last))
            if ended:
                self._finish(tracker, mark)
                return
            self._ending.wait(PAUSE)

    def _finish(self, tracker: Tracker, mark: Mark) -> None:
        tracker.finish(self._summary)
        if self._summary is not None:
            write_mark(self._mark_file, replace(mark, finished=_hash(self._summary)))


def _hash(summary: StageSummary) -> str:
    return hash_of(asdict(summary))
