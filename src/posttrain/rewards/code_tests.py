"""Read the tests of a row, in the forms that known data sets use."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from posttrain.errors import InputError
from posttrain.rewards.sandbox.checks import FunctionCall, ProgramCase, Tests

FUNCTION_KEYS = ("fn_name", "func_name")
CALL_TYPES = ("function_call", "functional")
PROGRAM_TYPES = ("stdin_stdout", "stdin")


def read_tests(value: Any) -> tuple[str | None, Tests]:
    """(the function's name where the tests name one, else None; the tests).

    Raises:
        InputError: the tests are of no known form, or there are none.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return None, value
    if isinstance(value, str) and value.strip():
        return None, value
    function = None
    while isinstance(value, Mapping) and "test_cases" in value:
        function = _function([value]) or function
        value = value["test_cases"]
    if isinstance(value, Mapping) and {"inputs", "outputs"} <= set(value):
        return _columns(value, _function([value]) or function)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(test, str) for test in value):
            return None, list(value)
        if all(isinstance(test, Mapping) and {"input", "output"} <= set(test) for test in value):
            return _rows(value, _function(value) or function)
    raise InputError(
        "the tests are neither text (a suite), a list of asserts, nor inputs with outputs, or there are none: "
        f"{str(value)[:80]!r}"
    )


def _columns(value: Mapping[str, Any], function: str | None) -> tuple[str | None, Tests]:
    inputs, outputs = value["inputs"], value["outputs"]
    if len(inputs) != len(outputs) or not inputs:
        raise InputError(f"the row has {len(inputs)} inputs and {len(outputs)} outputs")
    pairs = list(zip(inputs, outputs, strict=True))
    return (function, _calls(pairs)) if function else (None, _cases(pairs))


def _rows(tests: Sequence[Mapping[str, Any]], function: str | None) -> tuple[str | None, Tests]:
    kinds = {str(test.get("type") or test.get("testtype") or "") for test in tests} - {""}
    unknown = kinds - {*CALL_TYPES, *PROGRAM_TYPES}
    if unknown:
        raise InputError(f"a test has the type {min(unknown)!r}; {', '.join((*CALL_TYPES, *PROGRAM_TYPES))} are known")
    pairs = [(test["input"], test["output"]) for test in tests]
    calls = kinds & {*CALL_TYPES} or (function and not kinds)
    if calls and kinds & {*PROGRAM_TYPES}:
        raise InputError("some tests of the row call a function and others run a program")
    if not calls:
        return None, _cases(pairs)
    return function, _calls(_from_lines(pairs) if "functional" in kinds else pairs)


def _function(tests: Iterable[Mapping[str, Any]]) -> str | None:
    """The function's name, beside the tests or in their `metadata`; None where there is none.

    Raises:
        InputError: the tests name several functions.
    """
    holders = [holder for test in tests for holder in (test, test.get("metadata")) if isinstance(holder, Mapping)]
    names = {holder[key] for holder in holders for key in FUNCTION_KEYS if holder.get(key)}
    if len(names) > 1 or not all(isinstance(name, str) for name in names):
        raise InputError(f"the tests name several functions, or none that is text: {sorted(map(str, names))}")
    return next(iter(names), None)


def _cases(pairs: Iterable[tuple[Any, Any]]) -> list[ProgramCase]:
    return [ProgramCase(_lines(stdin), _lines(stdout)) for stdin, stdout in pairs]


def _lines(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _calls(pairs: Iterable[tuple[Any, Any]]) -> list[FunctionCall]:
    """Calls in APPS' form: a list of arguments, and the value or a list of that single value."""
    return [
        FunctionCall(
            list(arguments) if isinstance(arguments, list | tuple) else [arguments],
            (wanted, wanted[0]) if isinstance(wanted, list) and len(wanted) == 1 else (wanted,),
        )
        for arguments, wanted in pairs
    ]


def _from_lines(pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Calls in LiveCodeBench's form: each argument is a line of JSON text, and the value is JSON text."""
    try:
        return [
            (
                [json.loads(line) for line in given.split("\n")] if isinstance(given, str) else given,
                [json.loads(wanted)] if isinstance(wanted, str) else wanted,
            )
            for given, wanted in pairs
        ]
    except ValueError as error:
        raise InputError(f"a test of the type functional is no JSON text: {error}") from error
