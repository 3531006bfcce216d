"""Model-written code, run where it can do no harm and cannot say of itself that it passed.

Two processes a check. The candidate runs the tested code; the tester runs the tests, and calls the code through a
pipe that carries plain data (`codec`). So the code shares no interpreter with an expected value, an ``assert``
or the verdict: patched builtins, ``__eq__``, ``sys.exit``, ``os._exit`` and frames reach its own process only. The
verdict has a pipe that only the tester holds. For programs tested by input and output, we compare, not the sandbox.

What a process is locked in: `launch` (bubblewrap), `isolate` (namespaces, limits), `seccomp`.
A warm process forks those of a check, so that a check costs milliseconds. docs/sandbox.md says what is blocked, how.

What crosses between the two, and what does not: docs/rewards-code.md.
"""

import json
import os
import queue
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from posttrain.errors import InputError, RunError
from posttrain.rewards.sandbox import seccomp
from posttrain.rewards.sandbox.checks import PRELUDE, BrokenTests, Call, Case, Kind, Limits, Tests, Verdict
from posttrain.rewards.sandbox.codec import CALLS, JOB, VERDICT
from posttrain.rewards.sandbox.compare import same_output
from posttrain.rewards.sandbox.isolate import Bounds
from posttrain.rewards.sandbox.launch import Started, find_bubblewrap, start
from posttrain.rewards.sandbox.pipes import Files, Heard, exchange, readable
from posttrain.rewards.sandbox.slots import Ended, ForkingSlot, SingleUseSlot, SlotBroken
from posttrain.rewards.sandbox.solution import Answer

MIB = 1 << 20
DETAIL = 600
ARGUMENTS_KIB = 1 << 16
"""The longest arguments that tests may pass: they are the row's own."""

TRIES = 3


Slot = ForkingSlot | SingleUseSlot
Jobs = Sequence[Mapping[str, object]]


class Played(NamedTuple):
    """What came of a check's processes: by number, the last one's output and error and the first one's verdict."""

    heard: Heard
    said: dict[int, bytearray]
    ended: list[Ended]


class Sandbox:
    """A pool of warm sandboxes; `check` may be called from as many threads as the pool has places.

    Args:
        limits: of each check.
        pool: checks at once; by default the cores this process may use.
        packages: folders the tested code may import from, read-only.
        process_limits: without bubblewrap: limits and the system-call filter only. The code can read this machine's
            files.
        forks: False: start an interpreter for each process, as where the kernel allows no nested namespaces.

    Raises:
        InputError: bubblewrap is missing or does not start.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        pool: int | None = None,
        *,
        packages: Sequence[Path] = (),
        process_limits: bool = False,
        forks: bool = True,
    ) -> None:
        self._limits = limits or Limits()
        self._packages = tuple(path.resolve() for path in packages)
        self._bubblewrap = not process_limits
        self._forks = forks and not process_limits
        if process_limits:
            warnings.warn("code runs with process limits only: it can read this machine's files", stacklevel=2)
        else:
            find_bubblewrap()
            if not seccomp.supported():
                raise InputError("the sandbox runs on Linux, x86_64 or aarch64; else say `sandbox: process-limits`")
        # bubblewrap dies with the thread that started it, so all are started by one that lives as long as we do
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox")
        self._slots: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self._places = pool or cores()
        made: list[Slot] = []
        try:
            made += [self._slot() for _ in range(self._places)]
        except BaseException:
            for slot in made:
                slot.close()
            self._starter.shutdown()
            raise
        for slot in made:
            self._slots.put(slot)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process; waits for checks that still run."""
        for _ in range(self._places):
            self._slots.get().close()
        self._places = 0
        self._starter.shutdown()

    def check(
        self,
        code: str | Answer,
        tests: Tests,
        *,
        entry_point: str | None = None,
        prompt: str = "",
        setup: str = "",
        tolerance: float = 0.0,
    ) -> Verdict:
        """Run code against tests.

        Args:
            code: the tested code, or the answer that holds it.
            tests: a suite (``assert`` lines; if it defines ``check``, that is called with the function), a list of
                ``assert`` lines, calls of the function, or cases for a program.
            entry_point: the function the tests call; None: every name that the tests leave undefined.
            prompt: code that the tested code may continue. If it compiles, the tests have their own copy of it.
            setup: trusted code that runs before the tests.
            tolerance: by how much numbers may differ, in calls and in what programs write.

        Raises:
            BrokenTests: the tests do not compile, never call the code, fail on their own, or need more of the code than
                a process of its own can give. This depends on the tests alone.
            RunError: the sandbox itself failed, several times.
        """
        began = time.monotonic()
        answer = Answer(code) if isinstance(code, str) else code
        known = [] if isinstance(tests, str) else list(tests)
        candidate = {"role": "candidate", "answer": answer, "prompt": prompt, **self._caps()}
        if cases := [test for test in known if isinstance(test, Case)]:
            kind, detail = self._check_program(answer, prompt, cases, tolerance)
        elif calls := [test for test in known if isinstance(test, Call)]:
            tester = {"role": "tester", "calls": calls, "tolerance": tolerance, **self._caps()}
            tester |= {"entry_point": entry_point}
            kind, detail = self._check_function(tester, {**candidate, "prelude": PRELUDE})
        else:
            texts = [tests] if isinstance(tests, str) else [str(test) for test in known]
            tester = {"role": "tester", "calls": [], "tests": texts, "entry_point": entry_point, "setup": setup}
            tester |= {"prompt": prompt if compiles(prompt) else "", **self._caps()}
            kind, detail = self._check_function(tester, {**candidate, "prelude": ""})
        return Verdict(kind, readable(detail, DETAIL), time.monotonic() - began)

    def _caps(self) -> dict[str, int]:
        return {"cap": self._limits.output_kib << 10, "arguments_cap": ARGUMENTS_KIB << 10}

    def _check_function(self, tester: Mapping[str, object], candidate: Mapping[str, object]) -> tuple[Kind, str]:
        heard, said, (*_, ended) = self._play([tester, candidate], b"")
        if heard.over:
            return "output", f"more than {self._limits.output_kib} KiB written"
        if heard.late:
            return "timeout", f"longer than {self._limits.wall_seconds:g} s"
        kind, detail = _verdict(said[VERDICT])
        if kind == "broken":
            raise BrokenTests(detail)
        return self._of_death(ended, said[2]) if kind == "gone" else (kind, detail)

    def _check_program(self, answer: Answer, prompt: str, cases: Sequence[Case], tolerance: float) -> tuple[Kind, str]:
        job = {"role": "program", "answer": answer, "prompt": prompt}
        for number, case in enumerate(cases, 1):
            heard, said, (ended,) = self._play([job], case.stdin.encode())
            if heard.over:
                return "output", f"case {number}: more than {self._limits.output_kib} KiB written"
            if heard.late:
                return "timeout", f"case {number}: longer than {self._limits.wall_seconds:g} s"
            if ended.code:
                kind, detail = self._of_death(ended, said[2])
                return kind, f"case {number}: {detail}"
            try:
                written = said[1].decode()
            except UnicodeDecodeError:
                return "failed", f"case {number}: the output is not UTF-8"
            if not same_output(written, case.stdout, tolerance):
                return "failed", f"case {number}: wrote {readable(said[1], 100)!r}, not {case.stdout[:100]!r}"
        return "passed", ""

    def _of_death(self, ended: Ended, errors: bytes | bytearray) -> tuple[Kind, str]:
        """Why a process is gone."""
        last = readable(errors[-4 * DETAIL :], 4 * DETAIL).strip().split("\n")[-1]
        # limits are counted in ticks, usage is not: on a busy machine they differ by a fifth. The code cannot send
        # SIGKILL to itself, so half the time tells this from our own
        spent = ended.code == -signal.SIGKILL and (ended.cpu_seconds or 0) > 0.5 * self._limits.cpu_seconds
        if spent or ended.code == -signal.SIGXCPU:
            return "timeout", f"more than {self._limits.cpu_seconds} s of processor time"
        if last.startswith("MemoryError"):
            return "memory", f"more than {self._limits.memory_mib} MiB"
        how = f"exit status {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
        return "error", f"the code ended its process ({how}){': ' + last if last else ''}"

    def _play(self, jobs: Jobs, stdin: bytes) -> Played:
        """Run processes in a free slot, in another one if that does not answer."""
        for _ in range(TRIES):
            slot = self._slots.get()
            try:
                played = self._attempt(slot, jobs, stdin)
            except SlotBroken:
                slot.close()
                self._slots.put(self._slot())
                continue
            except BaseException:
                self._slots.put(slot)
                raise
            self._slots.put(slot)
            return played
        raise RunError(f"the sandbox failed {TRIES} times in a row; is the machine out of memory or processes?")

    def _attempt(self, slot: Slot, jobs: Jobs, stdin: bytes) -> Played:
        deadline = time.monotonic() + self._limits.wall_seconds
        with Files() as files:
            feeds: dict[int, bytes] = {}
            given: list[dict[int, int]] = [{} for _ in jobs]
            for job, theirs in zip(jobs, given, strict=True):
                theirs[JOB], feed = files.pipe()
                feeds[feed] = json.dumps(job).encode()
            reads: dict[int, int] = {}
            for number in (1, 2):
                reads[number], given[-1][number] = files.pipe()
            if len(jobs) == 2:
                reads[VERDICT], given[0][VERDICT] = files.pipe()
                given[0][CALLS], given[1][CALLS] = files.pair()
            else:
                given[0][0], feed = files.pipe()
                feeds[feed] = stdin
            until = [reads[VERDICT]] if len(jobs) == 2 else [reads[1], reads[2]]
            leaving = False
            try:
                for theirs in given:
                    slot.run(theirs)
                    for fd in theirs.values():
                        files.close(fd)
                heard = exchange(files, feeds, [reads[1], reads[2]], until, self._limits.output_kib << 10, deadline)
                gone = len(jobs) == 1 or b'"gone"' in heard.texts[reads[VERDICT]]
                leaving = gone and not (heard.over or heard.late)
            finally:
                ended = slot.end(leaving)
            return Played(heard, {number: heard.texts[fd] for number, fd in reads.items()}, ended)

    def _slot(self) -> Slot:
        first = self._start().result()
        self._forks = first.forks
        return ForkingSlot(first) if first.forks else SingleUseSlot(first, self._start)

    def _start(self) -> "Future[Started]":
        return self._starter.submit(start, self._bounds(), self._packages, self._bubblewrap, self._forks)

    def _bounds(self) -> Bounds:
        limits = self._limits
        sizes = (limits.memory_mib * MIB, limits.files_mib * MIB)
        return Bounds(limits.cpu_seconds, *sizes, limits.open_files, limits.threads)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiles(code: str) -> bool:
    """Whether trusted code compiles."""
    try:
        compile(code, "prompt", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _verdict(text: bytes | bytearray) -> tuple[Any, str]:
    """(kind, detail) as the tester wrote them; a tester that wrote nothing died of what the code returned."""
    if not text:
        return "error", "the tests' process ended without a verdict (a value too large for it?)"
    kind, detail = json.loads(text)
    return kind, detail
