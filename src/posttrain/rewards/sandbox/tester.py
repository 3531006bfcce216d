"""The tests' own process: it calls the code through stand-ins for its functions, and alone gives the verdict."""

import builtins
import importlib
import inspect
import json
import os
import sys
import threading
import traceback
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from posttrain.rewards.sandbox import suites
from posttrain.rewards.sandbox.codec import CALLS, VERDICT, Gone, Handle, NotPlain, TooLarge, receive, send
from posttrain.rewards.sandbox.compare import alike
from posttrain.rewards.sandbox.program import make_module
from posttrain.rewards.sandbox.proxy import Proxy, method

DETAIL = 600
"""Characters of a detail."""

CHUNK = 1024
"""Items of an iterator that are fetched at once, at most."""


def be_tester(job: dict[str, Any]) -> None:
    """Run the tests against stand-ins for the other process's functions, and write the verdict."""
    kind, detail = (judge_calls if job["calls"] else judge)(job)
    os.write(VERDICT, json.dumps([kind, detail[:DETAIL]]).encode())


class Line:
    """The line to the code's process.

    Args:
        settled: (kind, detail) of the first thing that decides the verdict, whatever the tests catch.
        asked: whether the tests have called the code.
        answered: whether a value of the code has come back, on which the tests' ways may depend from then on.
    """

    def __init__(self, cap: int, arguments_cap: int, catching: dict[str, list[tuple[int, int]]]) -> None:
        self.settled: tuple[str, str] | None = None
        self.asked = self.answered = False
        self._cap, self._arguments_cap, self._catching = cap, arguments_cap, catching
        self._lock = threading.RLock()

    def function(self, name: str, *, objects: bool = False) -> Callable[..., Any]:
        """A stand-in for a function of the code.

        Args:
            objects: the tests use what it returns as an object of the code.
        """

        def candidate(*arguments: Any, **named: Any) -> Any:
            self.asked = True
            return self.ask("make" if objects else "call", name, arguments, named)

        def in_place(*arguments: Any, **named: Any) -> None:
            self.asked = True
            changed = self.ask("change", name, arguments, named)
            for old, new in zip((*arguments, *named.values()), changed, strict=True):
                _replace(old, new)

        candidate.__name__ = name
        candidate.in_place = in_place  # type: ignore[attr-defined]
        return candidate

    def ask(self, *request: Any) -> Any:
        """What the code answers; raises what it raises."""
        with self._lock:
            if self.settled:
                raise Gone
            try:
                send(CALLS, request, self._arguments_cap)
            except NotPlain as error:  # the size of what came back from the code is the code's doing
                own = isinstance(error, TooLarge) and self.answered
                raise self._end("refused" if own else "broken", f"the tests pass {error}") from error
            except Gone as error:
                raise self._end("gone", "the code ended its process") from error
            try:
                kind, *rest = receive(CALLS, self._cap, self._pulled)
                return self._read(str(kind), rest, request)
            except Gone as error:
                raise self._end("gone", "the code ended its process") from error
            except (NotPlain, ValueError, TypeError, IndexError) as error:
                if hasattr(error, "from_candidate"):
                    raise
                raise self._end("refused", f"the code sent {error}") from error

    def _read(self, kind: str, rest: list[Any], request: tuple[Any, ...]) -> Any:
        self.answered = True
        if kind == "value":
            return rest[0]
        if kind == "object":
            return Handle(rest[0]) if request[0] == "call" else Proxy(rest[0], self.ask)
        if kind == "method" and request[0] == "get":
            return method(request[1], request[2], self.ask)
        if kind == "raised":
            error = _exception(*rest)
            if self._may_be_caught():
                raise error
            raise self._end("memory" if isinstance(error, MemoryError) else "error", _said(error))
        raise self._end(kind if kind in ("refused", "memory") else "error", str(rest[0]))

    def _end(self, kind: str, detail: str) -> Gone:
        """Decide the verdict, unless it is decided; what is to be raised then ends the tests."""
        self.settled = self.settled or (kind, detail)
        return Gone()

    def _may_be_caught(self) -> bool:
        """Whether one of the lines that led here stands where the tests catch exceptions. Elsewhere an exception of the
        code ends the tests: no protocol of Python (`hasattr`, iteration by index) may swallow it."""
        frame = inspect.currentframe()
        while frame is not None:
            for first, last in self._catching.get(frame.f_code.co_filename, ()):
                if first <= frame.f_lineno <= last:
                    return True
            frame = frame.f_back
        return False

    def _pulled(self, number: int) -> Iterator[Any]:
        """The items of an iterator that the code keeps, fetched when they are needed."""
        count, done = 1, False
        while not done:
            match self.ask("more", number, count):
                case [[*items], bool(done)]:
                    yield from items
                case _:
                    raise self._end("refused", "the code sent a malformed answer")
            count = min(2 * count, CHUNK)


def judge(job: dict[str, Any]) -> tuple[str, str]:
    """(kind, detail) of the verdict; `broken` where the tests themselves are at fault."""
    tests: list[str] = job["tests"]
    try:
        suite = suites.read(job["prompt"], job["setup"], tests, job["entry_point"])
    except suites.Unfit as error:
        return "broken", str(error)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "broken", f"the tests do not compile: {error}"
    line = Line(job["cap"], job["arguments_cap"], suite.catching)
    wrong: BaseException | None = None
    try:
        _run(suite, line, job["entry_point"])
    except BaseException as error:
        wrong = error
    if line.settled:
        return line.settled
    if isinstance(wrong, suites.Unfit):
        return "broken", str(wrong)
    if wrong is not None:
        return _reading(wrong, tests, line.answered)
    if not line.asked:
        return "broken", "the tests never call the code"
    return "passed", ""


def judge_calls(job: dict[str, Any]) -> tuple[str, str]:
    """The verdict of calls with the values that are right for each."""
    line = Line(job["cap"], job["arguments_cap"], {})
    name: str = job["entry_point"]
    try:
        line.ask("load", [name])
        for number, (arguments, wanted) in enumerate(job["calls"], 1):
            got = line.function(name)(*arguments)
            if not any(alike(got, value, job["tolerance"]) for value in wanted):
                return "failed", f"call {number}: {name} returned {str(got)[:100]}, not {str(wanted[0])[:100]}"
    except Gone:
        pass
    return line.settled or ("passed", "")


def _in_place(function: Any) -> Any:
    """For a call that stands alone: the stand-in that brings back what becomes of the arguments."""
    return getattr(function, "in_place", function) if isinstance(function, types.FunctionType) else function


def _replace(old: Any, new: Any) -> None:
    """Give a value of the tests the contents that the code gave it."""
    if type(old) is not type(new):
        return
    match old:
        case list() | bytearray():
            old[:] = new
        case deque():
            old.clear()
            old.extend(new)
        case dict() | set():
            old.clear()
            old.update(new)
        case _:
            pass


def _run(suite: suites.Suite, line: Line, entry_point: str | None) -> None:
    module = make_module("__main__")
    names = module.__dict__
    stand_ins = {
        name: line.function(entry_point if name == "candidate" and entry_point else name, objects=name in suite.objects)
        for name in suite.functions
    }
    solution = types.ModuleType("solution")
    solution.__dict__.update(stand_ins)
    sys.modules.update(dict.fromkeys(suites.SOLUTION_MODULES, solution))
    prompt, setup, *parts = suite.parts
    names |= {suites.STOPPED: suites.Stopped, suites.IN_PLACE: _in_place}
    exec(prompt, names)
    names.update({name: importlib.import_module(module) for name, module in suite.modules.items()})
    names.update(stand_ins)
    line.ask("load", sorted({entry_point or name for name in suite.functions}))
    line.answered = False
    for part in (setup, *parts):
        try:
            exec(part, names)
        except SystemExit as error:
            if error.code:
                raise
    check = names.get("check")
    if entry_point and callable(check) and "check" not in suite.functions:
        check(names[entry_point])
    if not line.asked:
        _run_test_functions(names)
    if not line.asked and "unittest" in sys.modules:
        _run_test_cases(module)


def _run_test_functions(names: dict[str, Any]) -> None:
    """Call what pytest would call."""
    for name, test in list(names.items()):
        if name.startswith("test_") and callable(test):
            if inspect.signature(test).parameters:
                raise suites.Unfit(f"`{name}` takes arguments; only pytest knows which")
            test()


def _run_test_cases(module: types.ModuleType) -> None:
    """Run the classes of unittest."""
    import unittest  # slow to import, and rarely needed

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    if not result.wasSuccessful():
        raise AssertionError([*result.failures, *result.errors][:1])


def _reading(error: BaseException, tests: list[str], answered: bool) -> tuple[str, str]:
    """What an exception in the tests means."""
    said = _said(error)
    if hasattr(error, "from_candidate"):
        return ("memory" if isinstance(error, MemoryError) else "error"), said
    if isinstance(error, ImportError) or (isinstance(error, NameError | SystemExit) and not answered):
        return "broken", said
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("test ") and frame.lineno:
            lines = tests[int(frame.filename[5:]) - 1].split("\n")
            text = lines[frame.lineno - 1].strip() if frame.lineno <= len(lines) else ""
            return "failed", f"{said} in `{text}`"
    return "failed", said


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _exception(base: str, name: str, text: str, arguments: list[Any] | None) -> Exception:
    """The code's exception: a builtin, or a subclass of it that has the name and the text of the code's own."""
    kind: Any = getattr(builtins, base, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = Exception
    if issubclass(kind, StopIteration | StopAsyncIteration):
        kind = suites.Stopped
    try:
        error = _made(kind, [text] if arguments is None else arguments)
        if type(error).__name__ != name or str(error) != text:

            def shown(_: Exception) -> str:
                return text

            error = _made(type(name, (kind,), {"__str__": shown}), error.args)
    except Exception:
        error = Exception(text)
    error.from_candidate = True  # type: ignore[attr-defined]
    return error


def _made(kind: Any, arguments: Any) -> Exception:
    try:
        return kind(*arguments)
    except TypeError:  # UnicodeDecodeError and its kin want five arguments of given types
        error: Exception = kind.__new__(kind)
        error.args = tuple(arguments)
        return error
