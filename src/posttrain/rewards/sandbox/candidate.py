"""The process of the tested code. It is not trusted: it answers requests with plain data, without tests or verdict."""

import re
import types
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from posttrain.rewards.sandbox.codec import CALLS, CHANGEABLE, Disconnected, NotPlain, receive, run_coroutine, send
from posttrain.rewards.sandbox.program import make_module
from posttrain.rewards.sandbox.proxy import OPERATIONS
from posttrain.rewards.sandbox.solution import Answer, choose_code

TEXT = 10_000
"""Characters of an exception's text that are sent."""

METHOD = re.compile(r"(\w+)\(\)\.(\w+)")
"""An entry point that is a method, in the form of LeetCode's rows: ``Solution().twoSum``."""


def run_candidate(job: dict[str, Any]) -> None:
    """Answer requests until the connection closes. If the code changes this interpreter, only its own answers change.

    A request is the name of a method of `CodeServer` and its arguments. Answers are ``["value", value]``; ``["object",
    number]``; ``["method"]``; ``["raised", builtin base, name, text, arguments or None]``; ``["ended", text]``;
    ``["refused", text]``; ``["memory", text]``.
    """
    cap: int = job["cap"]
    server = CodeServer(job)
    while True:
        try:
            act, *rest = receive(CALLS, job["arguments_cap"], server.kept.__getitem__)
        except Disconnected:
            return
        answer = _attempt(getattr(server, act), rest)
        try:
            send(CALLS, answer, cap, server.keep)
        except MemoryError as error:
            send(CALLS, ["memory", str(error)[:TEXT]], cap)
        except (NotPlain, RecursionError) as error:
            if answer[0] == "raised":  # the arguments of the exception cannot be sent
                send(CALLS, [*answer[:-1], None], cap)
            else:
                send(CALLS, ["refused", f"{rest[0]} returned {str(error)[:TEXT]}"], cap)


class CodeServer:
    """The code, and the values that stay here for the tests by number: iterators, and objects of the code's classes."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.kept: list[Any] = []
        self._job = job
        self._module = make_module("solution")

    def keep(self, value: object) -> int:
        """Keep a value here; return its number."""
        self.kept.append(value)
        return len(self.kept) - 1

    def load(self, names: list[str]) -> list[Any]:
        """Choose the code that defines the names, and run it."""
        code = choose_code(Answer.of(self._job["answer"]), names, prompt=self._job["prompt"])
        exec(self._job["prelude"], self._module.__dict__)
        exec(compile(code, "solution.py", "exec"), self._module.__dict__)
        return ["value", None]

    def call(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function or make an object of a class."""
        function = find(self._module, name)
        result = run_coroutine(function(*arguments, **named))
        made = isinstance(function, type) and isinstance(result, function)
        return self._reference(result) if made else ["value", result]

    def make(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function that may return an object."""
        return self._reference(find(self._module, name)(*arguments, **named))

    def change(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function; return its arguments after the call, where they are of types that can change."""
        find(self._module, name)(*arguments, **named)
        return ["value", [part if isinstance(part, CHANGEABLE) else None for part in (*arguments, *named.values())]]

    def more(self, number: int, count: int) -> list[Any]:
        """The next items of an iterator, and whether they are the last."""
        items: list[Any] = []
        try:
            for item in islice(self.kept[number], count):
                items.append(item)
        except Exception as error:
            if not items:
                raise
            self.kept[number] = _raising(error)
            return ["value", [items, False]]
        return ["value", [items, len(items) < count]]

    def get(self, number: int, name: str) -> list[Any]:
        """An attribute of an object."""
        value = getattr(self.kept[number], name)
        return ["method"] if callable(value) else self._reference(value)

    def set(self, number: int, name: str, value: Any) -> list[Any]:
        """Set an attribute of an object."""
        setattr(self.kept[number], name, value)
        return ["value", None]

    def invoke(self, number: int, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a method of an object, or apply the operation of Python that has this name."""
        value, operation = self.kept[number], OPERATIONS.get(name)
        function = getattr(value, name) if operation is None else partial(operation, value)
        return self._reference(function(*arguments, **named))

    def _reference(self, value: object) -> list[Any]:
        """The answer for a value; an object of the code's classes stays here, and its number is sent."""
        own = type(value).__module__ == self._module.__name__
        return ["object", self.keep(value)] if own else ["value", value]


def find(module: types.ModuleType, name: str) -> Callable[..., Any]:
    """The function of that name, or the method of `class Solution`.

    Raises:
        NameError: the code does not define it.
    """
    names = module.__dict__
    if match := METHOD.fullmatch(name):
        return getattr(names[match[1]](), match[2])
    if name in names:
        return names[name]
    if hasattr(names.get("Solution"), name):
        return getattr(names["Solution"](), name)
    raise NameError(f"the code defines no {name}")


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def _attempt(act: Callable[..., list[Any]], arguments: list[Any]) -> list[Any]:
    """The answer, or an answer that describes the exception."""
    try:
        return act(*arguments)
    except Exception as error:
        base = next((kind for kind in type(error).__mro__ if kind.__module__ == "builtins"), Exception)
        return ["raised", base.__name__, type(error).__name__, _text(error), list(error.args)]
    except BaseException as error:
        return ["ended", f"the code raised {type(error).__name__}"]


def _text(error: Exception) -> str:
    try:
        return str(error)[:TEXT]
    except BaseException:
        return ""
