"""The three things a process of the sandbox can be. None shares an interpreter with another.

- candidate: the tested code, untrusted. It answers calls with plain data; it never sees a test or the verdict.
- tester: the tests, whose `candidate` is a stand-in that asks the other process. It has the verdict's pipe.
- program: the tested code as a script between its standard input and output.

Files: 0, 1, 2 as ever; 3 the job (read to its end); 4 the calls between candidate and tester; 5 the verdict.
"""

import ast
import atexit
import builtins
import json
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

from posttrain.rewards.sandbox.codec import Gone, NotPlain, receive, send

JOB, CALLS, VERDICT = 3, 4, 5
DETAIL = 600
"""Characters of a detail."""


def play() -> NoReturn:
    """Read the job and be what it says."""
    parts: list[bytes] = []
    while part := os.read(JOB, 1 << 20):
        parts.append(part)
    os.close(JOB)
    job: dict[str, Any] = json.loads(b"".join(parts))
    del parts
    {"candidate": be_candidate, "tester": be_tester, "program": be_program}[job["role"]](job)
    os._exit(0)


def be_candidate(job: dict[str, Any]) -> None:
    """Run the code, then answer calls until nobody asks. Whatever it does to this interpreter, it answers itself."""
    cap: int = job["cap"]
    module = _module("solution")
    wrong = _caught(lambda: exec(compile(job["code"], "solution.py", "exec"), module.__dict__))
    send(CALLS, wrong or ["ready"], cap)
    while True:
        try:
            name, arguments, named = receive(CALLS, cap)
        except Gone:
            return
        reply: list[Any] = []

        def call(name: str = name, arguments: Any = arguments, named: Any = named, reply: list[Any] = reply) -> None:
            if name not in module.__dict__:
                raise NameError(f"the code defines no {name}")
            reply.append(module.__dict__[name](*arguments, **named))

        wrong = _caught(call)
        try:
            send(CALLS, wrong or ["value", reply[0]], cap)
        except (NotPlain, RecursionError, MemoryError) as error:
            kind = "memory" if isinstance(error, MemoryError) else "refused"
            send(CALLS, [kind, f"{name} returned {str(error)[:DETAIL]}"], cap)


def be_tester(job: dict[str, Any]) -> None:
    """Run the tests against a stand-in for the other process's function, and write the verdict."""
    kind, detail = judge(job)
    os.write(VERDICT, json.dumps([kind, detail[:DETAIL]]).encode())


def judge(job: dict[str, Any]) -> tuple[str, str]:
    """(kind, detail) of the verdict; `broken` where the tests themselves are at fault."""
    asked: list[str] = []
    sticky: list[tuple[str, str]] = []  # what no `except` of a test may hide
    cap: int = job["cap"]

    def hear() -> Any:
        try:
            reply: list[Any] = receive(CALLS, cap)
            kind, *rest = reply
            if kind == "raised":
                raise _exception(str(rest[0]), str(rest[1]))
            if kind in ("refused", "memory", "ended"):
                sticky.append(("error" if kind == "ended" else kind, str(rest[0])))
                raise Gone
            return rest[0] if kind == "value" else None
        except Gone:
            sticky.append(("gone", "the code ended its process"))
            raise
        except (NotPlain, ValueError, TypeError, IndexError) as error:
            if hasattr(error, "from_candidate"):
                raise
            sticky.append(("refused", f"the code sent {error}"))
            raise Gone from error

    def stand_in(name: str) -> Callable[..., Any]:
        def candidate(*arguments: Any, **named: Any) -> Any:
            asked.append(name)
            try:
                send(CALLS, [name, arguments, named], cap)
            except NotPlain as error:
                sticky.append(("broken", f"the tests pass {error}"))
                raise Gone from error
            return hear()

        candidate.__name__ = name
        return candidate

    def run() -> None:
        hear()
        names = module.__dict__
        exec(given, names)
        for name in reached:
            names[name] = stand_in(name)
        for part in suites:
            exec(part, names)
        if callable(check := names.get("check")) and "check" not in reached:
            check(names[job["entry_point"]] if job["entry_point"] else None)

    module = _module("tests")
    try:
        given = compile(job["given"], "given.py", "exec")
        tests: list[str] = job["tests"]
        suites = [compile(text, f"test {n}", "exec") for n, text in enumerate(tests, 1)]
        reached = {job["entry_point"]} if job["entry_point"] else free_names(job["given"], tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "broken", f"the tests do not compile: {error}"
    wrong: BaseException | None = None
    try:
        run()
    except BaseException as error:
        wrong = error
    if sticky:
        return sticky[0]
    if wrong is not None:
        return _reading(wrong, tests)
    if not asked:
        return "broken", "the tests never call the code"
    return "passed", ""


def _reading(error: BaseException, tests: list[str]) -> tuple[str, str]:
    """What an exception in the tests means."""
    said = _said(error)
    if hasattr(error, "from_candidate"):
        return ("memory" if isinstance(error, MemoryError) else "error"), said
    if isinstance(error, NameError | SystemExit | KeyboardInterrupt | ImportError):
        return "broken", said
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("test ") and frame.lineno:
            lines = tests[int(frame.filename[5:]) - 1].splitlines()
            return "failed", f"{said} in `{lines[frame.lineno - 1].strip()}`"
    return "failed", said


def free_names(given: str, tests: list[str]) -> set[str]:
    """The functions that tests without a named entry point reach: what they read and neither they, the given code
    nor Python defines. A builtin is never the tested code's."""
    trees = [ast.parse(text) for text in (given, *tests)]
    read: set[str] = set()
    bound: set[str] = set(dir(builtins))
    for index, tree in enumerate(trees):
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()):
                    if index:
                        read.add(name)
                case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    bound.add(name)
                case ast.alias(name=name, asname=other):
                    bound.add(other or name.split(".")[0])
                case ast.ExceptHandler(name=str(name)):
                    bound.add(name)
                case _:
                    pass
    return read - bound


def be_program(job: dict[str, Any]) -> NoReturn:
    """Run the code as a script; the exit status is Python's."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")  # noqa: SIM115
    status = 0
    try:
        exec(compile(job["code"], "solution.py", "exec"), _module("__main__").__dict__)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        getattr(atexit, "_run_exitfuncs")()  # noqa: B009 - no public name
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        status = 1
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 1
    os._exit(status & 255)


def _module(name: str) -> types.ModuleType:
    """A registered module: dataclasses and pickle look theirs up."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module


def _caught(run: Callable[[], object]) -> list[Any] | None:
    """What went wrong, as a message; None if nothing did."""
    try:
        run()
    except Exception as error:
        base = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return ["raised", base.__name__, _said(error)[:DETAIL]]
    except BaseException as error:
        return ["ended", f"the code raised {type(error).__name__}"]
    return None


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _exception(name: str, text: str) -> Exception:
    """The builtin exception of that name, marked as the tested code's."""
    kind: Any = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = Exception
    try:
        error: Exception = kind(text)
    except TypeError:  # UnicodeDecodeError and its kin want five arguments
        error = ValueError(text)
    error.from_candidate = True  # type: ignore[attr-defined]
    return error
