"""The process of the tests. It calls the code through stand-ins for its functions, and alone writes the verdict."""

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
from posttrain.rewards.sandbox.adapt import CAUGHT, FINISHED, IN_PLACE, STOPPED, CodeStopIteration
from posttrain.rewards.sandbox.codec import VERDICT, Disconnected
from posttrain.rewards.sandbox.compare import same_value
from posttrain.rewards.sandbox.connection import CodeConnection, describe_error
from posttrain.rewards.sandbox.program import make_module

DETAIL = 600
"""Characters of a verdict's detail."""


def run_tester(job: dict[str, Any]) -> None:
    """Run the tests against stand-ins for the other process's functions, and write the verdict."""
    kind, detail = (run_calls if job["calls"] else run_test_suite)(job)
    os.write(VERDICT, json.dumps([kind, detail[:DETAIL]]).encode())


def run_test_suite(job: dict[str, Any]) -> tuple[str, str]:
    """(kind, detail) of a suite's verdict; `broken` where the tests themselves are broken."""
    tests: list[str] = job["tests"]
    try:
        suite = suites.read_test_suite(job["prompt"], job["setup"], tests, job["entry_point"])
    except suites.Unfit as error:
        return "broken", str(error)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "broken", f"the tests do not compile: {error}"
    connection = CodeConnection(job["cap"], job["arguments_cap"], suite.catching)
    wrong: BaseException | None = None
    try:
        _run(suite, connection, job["entry_point"])
    except BaseException as error:
        wrong = error
    if wrong is None:
        connection.lost_exception()
    if connection.decided:
        return connection.decided
    if wrong is not None:
        return _reading(wrong, tests, connection.answered)
    if not connection.called:
        return "broken", "the tests never call the code"
    return "passed", ""


def run_calls(job: dict[str, Any]) -> tuple[str, str]:
    """(kind, detail) of the verdict on calls, each with its right values."""
    connection = CodeConnection(job["cap"], job["arguments_cap"], {})
    name: str = job["entry_point"]
    try:
        connection.request("load", [name])
        for number, (arguments, wanted) in enumerate(job["calls"], 1):
            got = connection.stand_in(name)(*arguments)
            if not any(same_value(got, value, job["tolerance"]) for value in wanted):
                return "failed", f"call {number}: {name} returned {str(got)[:100]}, not {str(wanted[0])[:100]}"
    except Disconnected:
        pass
    return connection.decided or ("passed", "")


def _in_place(function: Any) -> Any:
    """The function for a call that is a statement: a stand-in that changes its arguments as the code does."""
    return getattr(function, "in_place", function) if isinstance(function, types.FunctionType) else function


def _run(suite: suites.Suite, connection: CodeConnection, entry_point: str | None) -> None:
    module = make_module("__main__")
    names = module.__dict__
    stand_ins = {
        name: connection.stand_in(
            entry_point if name == "candidate" and entry_point else name, objects=name in suite.objects
        )
        for name in suite.functions
    }
    solution = types.ModuleType("solution")
    solution.__dict__.update(stand_ins)
    sys.modules.update(dict.fromkeys(suites.SOLUTION_MODULES, solution))
    prompt, setup, *parts = suite.parts
    names |= {STOPPED: CodeStopIteration, IN_PLACE: _in_place, CAUGHT: connection.caught, FINISHED: connection.finished}
    exec(prompt, names)
    names.update({name: importlib.import_module(module) for name, module in suite.modules.items()})
    names.update(stand_ins)
    connection.request("load", sorted({entry_point or name for name in suite.functions}))
    connection.answered = False
    for part in (setup, *parts):
        _until_exit(lambda part=part: exec(part, names))
    check = names.get("check")
    if entry_point and callable(check) and "check" not in suite.functions:
        _until_exit(lambda: check(names[entry_point]))
    if not connection.called:
        _run_test_functions(names)
    if not connection.called and "unittest" in sys.modules:
        _run_test_cases(module)


def _until_exit(run: Callable[[], object]) -> None:
    """Run tests; they may exit with status 0."""
    try:
        run()
    except SystemExit as error:
        if error.code:
            raise


def _run_test_functions(names: dict[str, Any]) -> None:
    """Call the functions that pytest would call."""
    for name, test in list(names.items()):
        if name.startswith("test_") and callable(test):
            if inspect.signature(test).parameters:
                raise suites.Unfit(f"`{name}` takes arguments, which only pytest can give")
            test()


def _run_test_cases(module: types.ModuleType) -> None:
    """Run the classes of unittest."""
    import unittest  # slow to import, and rarely needed

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    if not result.wasSuccessful():
        raise AssertionError([*result.failures, *result.errors][:1])


def _reading(error: BaseException, tests: list[str], answered: bool) -> tuple[str, str]:
    """(kind, detail) of an exception in the tests."""
    if hasattr(error, "from_candidate"):
        return ("memory" if isinstance(error, MemoryError) else "error"), describe_error(error)
    if not answered or isinstance(error, suites.Unfit):  # the code cannot have caused it
        return "broken", describe_error(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith("test ") and frame.lineno:
            lines = tests[int(frame.filename[5:]) - 1].split("\n")
            text = lines[frame.lineno - 1].strip() if frame.lineno <= len(lines) else ""
            return "failed", f"{describe_error(error)} in `{text}`"
    return "failed", describe_error(error)
