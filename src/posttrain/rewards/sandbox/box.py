"""Run model-written code against tests in a sandbox. The code can do no harm, and cannot report its own success.

A check has two processes. The candidate runs the tested code. The tester runs the tests, and calls the code through a
pipe that carries plain data (`codec`). So the code shares no interpreter with an expected value, an ``assert`` or the
verdict: patched builtins, ``__eq__``, ``sys.exit``, ``os._exit`` and frames reach its own process only. Only the tester
has the pipe of the verdict. For programs tested by input and output, this module compares the output.

`launch` (bubblewrap), `isolate` (namespaces, limits) and `seccomp` (system calls) confine a process. A warm process
forks the processes of each check, so that a check takes milliseconds (`pool`). docs/sandbox.md lists what is blocked;
docs/rewards-code.md lists what crosses between the two processes.
"""

import json
import signal
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from posttrain.cpus import usable_cpus
from posttrain.errors import InputError
from posttrain.rewards.sandbox import seccomp
from posttrain.rewards.sandbox.checks import (
    PRELUDE,
    BrokenTests,
    CheckResult,
    FunctionCall,
    Limits,
    ProgramCase,
    ResultKind,
    Tests,
)
from posttrain.rewards.sandbox.codec import VERDICT
from posttrain.rewards.sandbox.compare import same_output
from posttrain.rewards.sandbox.launch import find_bubblewrap
from posttrain.rewards.sandbox.pipes import readable
from posttrain.rewards.sandbox.pool import SandboxPool
from posttrain.rewards.sandbox.slots import ProcessEnd
from posttrain.rewards.sandbox.solution import Answer

DETAIL = 600
"""Characters of a result's detail."""

ARGUMENTS_KIB = 1 << 16
"""Size limit of the arguments that tests pass. It is wide, since the row decides them."""


class Sandbox:
    """Checks code in a pool of warm sandboxes. `check` may be called from as many threads as the pool has places.

    Args:
        limits: of each check.
        pool: number of checks at the same time; default: the processors that this process may use.
        packages: folders from which the tested code may import, read-only.
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
        if process_limits:
            warnings.warn("code runs with process limits only: it can read this machine's files", stacklevel=2)
        else:
            find_bubblewrap()
            if not seccomp.supported():
                raise InputError("the sandbox runs on Linux, x86_64 or aarch64; else use `sandbox: process-limits`")
        self._pool = SandboxPool(
            self._limits,
            pool or usable_cpus(),
            tuple(path.resolve() for path in packages),
            bubblewrap=not process_limits,
            forks=forks and not process_limits,
        )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process, after the checks that still run."""
        self._pool.close()

    def check(
        self,
        code: str | Answer,
        tests: Tests,
        *,
        entry_point: str | None = None,
        prompt: str = "",
        setup: str = "",
        tolerance: float = 0.0,
    ) -> CheckResult:
        """Run code against tests.

        Args:
            code: the tested code, or the answer that contains it.
            tests: a suite (``assert`` lines; if it defines ``check``, that is called with the function), a list of
                ``assert`` lines, calls of the function, or cases for a program.
            entry_point: the function that the tests call; None: every name that the tests leave undefined.
            prompt: code that the tested code may continue. If it compiles, the tests have their own copy of it.
            setup: trusted code that runs before the tests.
            tolerance: difference allowed between numbers, in values of calls and in output of programs.

        Raises:
            BrokenTests: the tests do not compile, never call the code, fail on their own, or need more of the code than
                a process of its own can give. This depends on the tests alone.
            RunError: the sandbox itself failed, several times.
        """
        began = time.monotonic()
        answer = Answer(code) if isinstance(code, str) else code
        known = [] if isinstance(tests, str) else list(tests)
        candidate = {"role": "candidate", "answer": answer, "prompt": prompt, **self._caps()}
        if cases := [test for test in known if isinstance(test, ProgramCase)]:
            kind, detail = self._check_program(answer, prompt, cases, tolerance)
        elif calls := [test for test in known if isinstance(test, FunctionCall)]:
            tester = {"role": "tester", "calls": calls, "tolerance": tolerance, **self._caps()}
            tester |= {"entry_point": entry_point}
            kind, detail = self._check_function(tester, {**candidate, "prelude": PRELUDE})
        else:
            texts = [tests] if isinstance(tests, str) else [str(test) for test in known]
            tester = {"role": "tester", "calls": [], "tests": texts, "entry_point": entry_point, "setup": setup}
            tester |= {"prompt": prompt if _prompt_compiles(prompt) else "", **self._caps()}
            kind, detail = self._check_function(tester, {**candidate, "prelude": ""})
        return CheckResult(kind, readable(detail, DETAIL), time.monotonic() - began)

    def _caps(self) -> dict[str, int]:
        return {"cap": self._limits.output_kib << 10, "arguments_cap": ARGUMENTS_KIB << 10}

    def _check_function(self, tester: Mapping[str, object], candidate: Mapping[str, object]) -> tuple[ResultKind, str]:
        output, texts, (*_, ended) = self._pool.run([tester, candidate], b"")
        if output.over_cap:
            return "output", f"more than {self._limits.output_kib} KiB written"
        if output.timed_out:
            return "timeout", f"longer than {self._limits.wall_seconds:g} s"
        kind, detail = _verdict(texts[VERDICT])
        if kind == "broken":
            raise BrokenTests(detail)
        return self._cause_of_end(ended, texts[2]) if kind == "gone" else (kind, detail)

    def _check_program(
        self, answer: Answer, prompt: str, cases: Sequence[ProgramCase], tolerance: float
    ) -> tuple[ResultKind, str]:
        job = {"role": "program", "answer": answer, "prompt": prompt}
        for number, case in enumerate(cases, 1):
            output, texts, (ended,) = self._pool.run([job], case.stdin.encode())
            if output.over_cap:
                return "output", f"case {number}: more than {self._limits.output_kib} KiB written"
            if output.timed_out:
                return "timeout", f"case {number}: longer than {self._limits.wall_seconds:g} s"
            if ended.code:
                kind, detail = self._cause_of_end(ended, texts[2])
                return kind, f"case {number}: {detail}"
            try:
                written = texts[1].decode()
            except UnicodeDecodeError:
                return "failed", f"case {number}: the output is not UTF-8"
            if not same_output(written, case.stdout, tolerance):
                return "failed", f"case {number}: wrote {readable(texts[1], 100)!r}, not {case.stdout[:100]!r}"
        return "passed", ""

    def _cause_of_end(self, ended: ProcessEnd, errors: bytes | bytearray) -> tuple[ResultKind, str]:
        """(kind, detail) of a process that ended before its time."""
        last = readable(errors[-4 * DETAIL :], 4 * DETAIL).strip().split("\n")[-1]
        # The kernel counts the limit in ticks and the usage exactly: on a busy machine they differ by a fifth. The code
        # cannot send SIGKILL to itself, so half of the limit tells the limit's SIGKILL from the sandbox's own.
        spent = ended.code == -signal.SIGKILL and (ended.cpu_seconds or 0) > 0.5 * self._limits.cpu_seconds
        if spent or ended.code == -signal.SIGXCPU:
            return "timeout", f"more than {self._limits.cpu_seconds} s of processor time"
        if last.startswith("MemoryError"):
            return "memory", f"more than {self._limits.memory_mib} MiB"
        how = f"exit status {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
        return "error", f"the code ended its process ({how}){': ' + last if last else ''}"


def _prompt_compiles(code: str) -> bool:
    """Whether the row's prompt, which is trusted, compiles."""
    try:
        compile(code, "prompt", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _verdict(text: bytes | bytearray) -> tuple[Any, str]:
    """(kind, detail) from the tester. A tester that wrote nothing ended because of a value that the code returned."""
    if not text:
        return "error", "the tests' process ended without a verdict (a value too large for it?)"
    kind, detail = json.loads(text)
    return kind, detail
