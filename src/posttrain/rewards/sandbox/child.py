"""The program inside the sandbox: a warm interpreter that never runs tested code itself.

It runs as ``python -s -S child.py SETTINGS`` with a sequenced-packet socket as standard input. First it sends its mode.
``forks``: the kernel lets it make namespaces, and each request forks a process with its own namespaces. ``single``: the
kernel does not, and the first request turns this process into the requested one.

Requests are ``{"run": [targets]}`` with a file for each target number, answered by a process number; and
``{"end": 0}``, which kills the running processes, waits until none is left, and answers
``[[wait status, processor seconds], ...]``.
"""

import contextlib
import fcntl
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from posttrain.rewards.sandbox import isolate, roles, seccomp

WARM = (
    "abc",
    "ast",
    "bisect",
    "cmath",
    "collections.abc",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "io",
    "itertools",
    "math",
    "numbers",
    "operator",
    "random",
    "re",
    "statistics",
    "string",
    "struct",
    "textwrap",
    "time",
    "typing",
)
"""Modules that are imported once here, so that no check needs time for them."""

HIGH, HIGHEST = 200, 1000
"""First number for received files while the low numbers are closed; first number that is not closed."""


def serve_requests() -> None:
    """Serve requests until the other end closes."""
    settings: dict[str, Any] = json.loads(sys.argv[1])
    sys.argv = [""]
    bounds = isolate.Bounds(**settings["bounds"])
    here = os.environ.pop("PYTHONPATH", "")
    sys.path = [*(place for place in sys.path if place and place != here), *settings["packages"]]
    for name in WARM:
        importlib.import_module(name)
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    if settings["drop_root"]:
        isolate.drop_root()
    owner = (os.getuid(), os.getgid())
    forks: bool = settings["namespaces"] and can_fork(owner, bounds)
    with contextlib.suppress(OSError):  # if memory runs out, the kernel should kill this process first
        Path("/proc/self/oom_score_adj").write_text("1000")
    if forks:
        seccomp.filter_program(own_pid=1)  # cached; each fork has process number 1 in its namespace
    gc.collect()
    gc.freeze()
    control.send(b"forks" if forks else b"single")
    running: list[int] = []
    while True:
        data, files, _, _ = socket.recv_fds(control, 4096, 16)
        if not data:
            os._exit(0)
        request: dict[str, Any] = json.loads(data)
        if "end" in request:
            control.send(json.dumps(end(running)).encode())
            running.clear()
            continue
        pid = isolate.fork_into_namespaces() if forks else 0
        if pid == 0:
            become_role(control, files, request["run"], owner if forks else None, bounds, settings["threads"])
        running.append(pid)
        for fd in files:
            os.close(fd)
        control.send(str(pid).encode())


def can_fork(owner: tuple[int, int], bounds: isolate.Bounds) -> bool:
    """Whether a process can enter new namespaces; one process tries it."""
    try:
        pid = isolate.fork_into_namespaces()
    except OSError:
        return False
    if pid == 0:
        try:
            isolate.enter_namespaces(*owner, bounds)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def end(running: list[int]) -> list[tuple[int, float]]:
    """Kill the first process of each namespace, and with it all others; return when all have ended."""
    for pid in running:
        os.kill(pid, signal.SIGKILL)  # it was not waited for yet, so the number is still its own
    ended = [os.wait4(pid, 0)[1:] for pid in running]
    return [(status, used.ru_utime + used.ru_stime) for status, used in ended]


def become_role(
    control: socket.socket,
    files: list[int],
    targets: list[int],
    owner: tuple[int, int] | None,
    bounds: isolate.Bounds,
    threads: bool,
) -> NoReturn:
    """Turn this process into one with a role: it keeps its own files only, and is confined."""
    try:
        if owner is not None:
            isolate.enter_namespaces(*owner, bounds)
        if os.getsid(0) != os.getpid():
            os.setsid()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, HIGH) for fd in files]
        control.close()
        os.closerange(0, HIGH)
        for fd, target in zip(high, targets, strict=True):
            os.dup2(fd, target)
        for standard in (0, 1, 2):
            if standard not in targets:
                os.dup2(null := os.open("/dev/null", os.O_RDWR), standard)
                if null > 2:
                    os.close(null)
        os.closerange(max(targets) + 1, HIGHEST)
        os.chdir(isolate.WORK if owner is not None else os.environ["HOME"])
        os.umask(0o077)
        random.seed(0)
        isolate.apply_limits(bounds, threads, first=owner is not None)
        roles.run_role()
    except BaseException:
        os._exit(121)
    os._exit(0)


if __name__ == "__main__":
    serve_requests()
