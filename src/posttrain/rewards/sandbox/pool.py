"""A pool of warm sandboxes: runs the processes of a check in a free slot, and replaces slots that break."""

import json
import queue
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from posttrain.errors import RunError
from posttrain.rewards.sandbox.checks import Limits
from posttrain.rewards.sandbox.codec import CALLS, JOB, VERDICT
from posttrain.rewards.sandbox.isolate import Bounds
from posttrain.rewards.sandbox.launch import SandboxProcess, start_process
from posttrain.rewards.sandbox.pipes import Files, ProcessOutput, exchange
from posttrain.rewards.sandbox.slots import ForkingSlot, ProcessEnd, SingleUseSlot, SlotBroken

MIB = 1 << 20
TRIES = 3
"""Slots that are tried before a check gives up."""

Slot = ForkingSlot | SingleUseSlot
Jobs = Sequence[Mapping[str, object]]
"""One job (a program), or two (the tester, then the candidate)."""


class CheckRun(NamedTuple):
    """The processes of a check after their end.

    Args:
        output: of all pipes that were read.
        texts: 1 and 2: standard output and error of the last process; `VERDICT`: the verdict of the first.
        ended: how each process ended, in the order of the jobs.
    """

    output: ProcessOutput
    texts: dict[int, bytearray]
    ended: list[ProcessEnd]


class SandboxPool:
    """Warm sandboxes, each for one check at a time.

    Args:
        places: number of checks at the same time.
        bubblewrap: False: process limits only.
        forks: False: start an interpreter for each process.

    Raises:
        InputError: bubblewrap does not start.
    """

    def __init__(
        self, limits: Limits, places: int, packages: tuple[Path, ...], *, bubblewrap: bool, forks: bool
    ) -> None:
        self.forks = forks
        self._limits, self._packages, self._bubblewrap, self._places = limits, packages, bubblewrap, places
        # bubblewrap dies with the thread that started it, so one thread that lives as long as the pool starts them all
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
        self._slots: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        slots: list[Slot] = []
        try:
            slots += [self._new_slot() for _ in range(places)]
        except BaseException:
            for slot in slots:
                slot.close()
            self._starter.shutdown()
            raise
        for slot in slots:
            self._slots.put(slot)

    def close(self) -> None:
        """End every process, after the checks that still run."""
        for _ in range(self._places):
            self._slots.get().close()
        self._places = 0
        self._starter.shutdown()

    def run(self, jobs: Jobs, stdin: bytes) -> CheckRun:
        """Run processes in a free slot; in another slot where the first does not answer.

        Raises:
            RunError: several slots failed.
        """
        for _ in range(TRIES):
            slot = self._slots.get()
            try:
                run = self._run_in(slot, jobs, stdin)
            except SlotBroken:
                slot.close()
                self._slots.put(self._new_slot())
                continue
            except BaseException:
                self._slots.put(slot)
                raise
            self._slots.put(slot)
            return run
        raise RunError(f"the sandbox failed {TRIES} times in a row; is the machine out of memory or processes?")

    def _run_in(self, slot: Slot, jobs: Jobs, stdin: bytes) -> CheckRun:
        """Run processes in a slot: make their pipes, start them, exchange data, and end them."""
        deadline = time.monotonic() + self._limits.wall_seconds
        with Files() as files:
            feeds: dict[int, bytes] = {}
            job_files: list[dict[int, int]] = [{} for _ in jobs]  # number in the process → our number
            for job, numbers in zip(jobs, job_files, strict=True):
                numbers[JOB], feed = files.pipe()
                feeds[feed] = json.dumps(job).encode()
            reads: dict[int, int] = {}
            for number in (1, 2):
                reads[number], job_files[-1][number] = files.pipe()
            if len(jobs) == 2:
                reads[VERDICT], job_files[0][VERDICT] = files.pipe()
                job_files[0][CALLS], job_files[1][CALLS] = files.pair()
            else:
                job_files[0][0], feed = files.pipe()
                feeds[feed] = stdin
            until = [reads[VERDICT]] if len(jobs) == 2 else [reads[1], reads[2]]
            leaving = False
            try:
                for numbers in job_files:
                    slot.run(numbers)
                    for fd in numbers.values():
                        files.close(fd)
                output = exchange(files, feeds, [reads[1], reads[2]], until, self._limits.output_kib << 10, deadline)
                gone = len(jobs) == 1 or b'"gone"' in output.texts[reads[VERDICT]]
                leaving = gone and not (output.over_cap or output.timed_out)
            finally:
                ended = slot.end(leaving)
            return CheckRun(output, {number: output.texts[fd] for number, fd in reads.items()}, ended)

    def _new_slot(self) -> Slot:
        first = self._start().result()
        self.forks = first.forks
        return ForkingSlot(first) if first.forks else SingleUseSlot(first, self._start)

    def _start(self) -> "Future[SandboxProcess]":
        return self._starter.submit(start_process, self._bounds(), self._packages, self._bubblewrap, self.forks)

    def _bounds(self) -> Bounds:
        limits = self._limits
        sizes = (limits.memory_mib * MIB, limits.files_mib * MIB)
        return Bounds(limits.cpu_seconds, *sizes, limits.open_files, limits.threads)
