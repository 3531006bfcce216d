"""Several processes of one command on this machine: start them, and end them together.

`torchrun` does the same over machines. Here one sentence says what went wrong, and the exit code is that of the cause.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

import psutil

from posttrain.cpus import usable_cpus
from posttrain.errors import LostRank, RunError

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that go on to every process."""

CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
"""The signals of a program's own faults; what it wrote last says more."""

POLL = 0.05
"""Seconds between two looks at the processes."""

LOST = 75
"""The exit code of a process that another one no longer answers."""

LAST_WORDS = 60.0
"""The seconds that the main process has to end by itself and to say why, after another process has ended."""


def run_processes(arguments: Sequence[str], count: int) -> int:
    """Run ``posttrain`` with these arguments in `count` processes, and wait for them; nothing is left running.

    Rank 0 writes to this terminal. SIGTERM and SIGINT go on to every process, and all of them save and stop.

    Returns:
        the exit code of the main process.

    Raises:
        RunError: another process ended with an error that the main process did not report.
        LostRank: the main process is stopped.
    """
    with tempfile.TemporaryDirectory(prefix="posttrain-ranks-") as folder:
        logs = [Path(folder) / f"rank-{number}.txt" for number in range(count)]
        processes: list[subprocess.Popen[bytes]] = []
        sent: list[int] = []
        before = {number: signal.signal(number, _forward(processes, sent)) for number in FORWARDED}
        try:
            port = _free_port()
            for number in range(count):
                processes.append(_start(arguments, _variables(number, count, port), logs[number]))
            return _outcome(processes, logs, sent)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
            for number, handler in before.items():
                signal.signal(number, handler)


def _start(arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "posttrain", *arguments]
    environment = {**os.environ, **variables}
    if variables["RANK"] == "0":
        return subprocess.Popen(command, env=environment)
    with log.open("wb") as file:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )


def _variables(number: int, count: int, port: int) -> Mapping[str, str]:
    """torchrun's variables."""
    return {
        **{"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, usable_cpus() // count))),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _forward(processes: Sequence[subprocess.Popen[bytes]], sent: list[int]) -> Callable[[int, FrameType | None], None]:
    """The handler that sends a signal on to the processes that have not got it from the terminal.

    Args:
        sent: receives the signal's number.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        sent.append(number)
        for rank, process in enumerate(processes):
            if process.poll() is None and not (rank == 0 and number == signal.SIGINT and _from_terminal()):
                process.send_signal(number)

    return handler


def _from_terminal() -> bool:
    """Whether a terminal's Ctrl-C reaches this process, and so rank 0, which is in the same process group."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _outcome(processes: Sequence[subprocess.Popen[bytes]], logs: Sequence[Path], sent: Sequence[int]) -> int:
    """Wait until all processes have ended, or one has failed.

    Args:
        sent: the signals that were sent on; one that ended a process at once is no failure.
    """
    while True:
        codes = [process.poll() for process in processes]
        failed = next((rank for rank, code in enumerate(codes) if code), None)
        if failed is None and None not in codes:
            return 0
        if failed is not None:
            break
        time.sleep(POLL)
    code = codes[failed]
    assert code is not None
    if code > 0 and failed != 0:  # the main process often reports the same error
        own = _waited(processes[0])
        if own == LOST:  # it only knows that another process is gone
            print(f"rank {failed} ended with: {_last_line(logs[failed], failed)}", file=sys.stderr)
        code, failed = (own, 0) if own else (code, failed)
    if -code in sent:
        return 128 - code
    if code < 0:
        name = signal.Signals(-code).name
        wrote = f" after it wrote: {_last_line(logs[failed], failed)}" if failed != 0 and -code in CRASHES else ""
        raise RunError(
            f"rank {failed} was ended by {name}{wrote}, so all {len(processes)} processes stopped; what was saved is "
            "kept. Run the same command again: it goes on from the last checkpoint"
        )
    if failed != 0:
        last = _last_line(logs[failed], failed)
        if code == LOST:
            raise LostRank(last)
        raise RunError(f"rank {failed} failed, so all {len(processes)} processes stopped: {last}")
    return code


def _waited(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code of a process that should end by itself soon, or None if it is stopped (SIGSTOP) or does not end."""
    until = time.monotonic() + LAST_WORDS
    while time.monotonic() < until and process.poll() is None:
        if psutil.Process(process.pid).status() == psutil.STATUS_STOPPED:
            return None
        time.sleep(POLL)
    return process.poll()


def _last_line(log: Path, rank: int) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix(f"rank {rank}: ") if lines else "it said nothing"
