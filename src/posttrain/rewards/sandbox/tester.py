"""The tests' own process: it calls the code through stand-ins for its functions, and alone gives the verdict."""

import importlib
import inspect
import json
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

from posttrain.rewards.sandbox import suites
from posttrain.rewards.sandbox.adapt import CAUGHT, FINISHED, IN_PLACE, STOPPED, Stopped
from posttrain.rewards.sandbox.codec import VERDICT, Gone
from posttrain.rewards.sandbox.compare import alike
from posttrain.rewards.sandbox.line import Line, said
from posttrain.rewards.sandbox.program import make_module

DETAIL = 600
"""Characters of a detail."""


def be_tester(job: dict[str, Any]) -> None:
    """Run the tests against stand-ins for the other process's functions, and write the verdict."""
    kind, detail = (judge_calls if job["calls"] else judge)(job)
    os.write(VERDICT, json.dumps([kind, detail[:DETAIL]]).encode())


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
    if wrong is None:
        line.swallowed()
    if line.settled:
        return line.settled
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
    names |= {STOPPED: Stopped, IN_PLACE: _in_place, CAUGHT: line.caught, FINISHED: line.finished}
    exec(prompt, names)
    names.update({name: importlib.import_module(module) for name, module in suite.modules.items()})
    names.update(stand_ins)
    line.ask("load", sorted({entry_point or name for name in suite.functions}))
    line.answered = False
    for part in (setup, *parts):
        _until_exit(lambda part=part: exec(part, names))
    check = names.get("check")
    if entry_point and callable(check) and "check" not in suite.functions:
        _until_exit(lambda: check(names[entry_point]))
    if not line.asked:
        _run_test_functions(names)
    if not line.asked and "unittest" in sys.modules:
        _run_test_cases(module)


def _until_exit(run: Callable[[], object]) -> None:
    """Run tests; they may end by themselves with status 0."""
    try:
        run()
    except SystemExit as error:
        if error.code:
            raise


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
    if hasattr(error, "from_candidate"):
        return ("memory" if isinstance(error, MemoryError) else "error"), said(error)
    if not answered or isinstance(error, suites.Unfit):  # nothing of it can be the code's doing
        return "broken", said(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("test ") and frame.lineno:
            lines = tests[int(frame.filename[5:]) - 1].split("\n")
            text = lines[frame.lineno - 1].strip() if frame.lineno <= len(lines) else ""
            return "failed", f"{said(error)} in `{text}`"
    return "failed", said(error)
