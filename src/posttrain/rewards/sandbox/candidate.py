"""The tested code's own process, untrusted. It answers requests with plain data and sees neither tests nor verdict."""

import re
import types
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from posttrain.rewards.sandbox.codec import CALLS, CHANGEABLE, Gone, NotPlain, receive, run_coroutine, send
from posttrain.rewards.sandbox.program import make_module
from posttrain.rewards.sandbox.proxy import OPERATIONS
from posttrain.rewards.sandbox.solution import Answer, choose

TEXT = 10_000
"""Characters of an exception's text that cross."""

METHOD = re.compile(r"(\w+)\(\)\.(\w+)")
"""An entry point that is a method, as LeetCode's rows name it: ``Solution().twoSum``."""


def be_candidate(job: dict[str, Any]) -> None:
    """Run the code, then answer requests until nobody asks. Whatever it does to this interpreter, it answers itself.

    A request is the name of a method of `Served` and its arguments. Answers: ``["value", value]``; ``["object",
    number]``; ``["method"]``; ``["raised", builtin base, name, text, arguments or None]``; ``["ended", text]``;
    ``["refused", text]``; ``["memory", text]``.
    """
    cap: int = job["cap"]
    served = Served(job)
    while True:
        try:
            act, *rest = receive(CALLS, job["arguments_cap"], served.kept.__getitem__)
        except Gone:
            return
        answer = _caught(getattr(served, act), rest)
        try:
            send(CALLS, answer, cap, served.keep)
        except MemoryError as error:
            send(CALLS, ["memory", str(error)[:TEXT]], cap)
        except (NotPlain, RecursionError) as error:
            if answer[0] == "raised":  # its arguments do not cross
                send(CALLS, [*answer[:-1], None], cap)
            else:
                send(CALLS, ["refused", f"{rest[0]} returned {str(error)[:TEXT]}"], cap)


class Served:
    """The code, and what it keeps here for the tests: iterators, and objects of its classes, by number."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.kept: list[Any] = []
        self._job = job
        self._module = make_module("solution")

    def keep(self, value: object) -> int:
        """Keep a value; returns its number."""
        self.kept.append(value)
        return len(self.kept) - 1

    def load(self, names: list[str]) -> list[Any]:
        """Choose the code that defines the names, and run it."""
        code = choose(Answer.of(self._job["answer"]), names, prompt=self._job["prompt"])
        exec(self._job["prelude"], self._module.__dict__)
        exec(compile(code, "solution.py", "exec"), self._module.__dict__)
        return ["value", None]

    def call(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function or make an object of a class."""
        function = find(self._module, name)
        result = run_coroutine(function(*arguments, **named))
        made = isinstance(function, type) and isinstance(result, function)
        return self._told(result) if made else ["value", result]

    def make(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function that may return an object."""
        return self._told(find(self._module, name)(*arguments, **named))

    def change(self, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a function for what becomes of its arguments."""
        find(self._module, name)(*arguments, **named)
        return ["value", [part if isinstance(part, CHANGEABLE) else None for part in (*arguments, *named.values())]]

    def more(self, number: int, count: int) -> list[Any]:
        """The next items of an iterator, and whether these are all."""
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
        return ["method"] if callable(value) else self._told(value)

    def set(self, number: int, name: str, value: Any) -> list[Any]:
        """Set an attribute of an object."""
        setattr(self.kept[number], name, value)
        return ["value", None]

    def invoke(self, number: int, name: str, arguments: Any, named: Any) -> list[Any]:
        """Call a method of an object, or do with it what Python does by that name."""
        value, operation = self.kept[number], OPERATIONS.get(name)
        function = getattr(value, name) if operation is None else partial(operation, value)
        return self._told(function(*arguments, **named))

    def _told(self, value: object) -> list[Any]:
        own = type(value).__module__ == self._module.__name__
        return ["object", self.keep(value)] if own else ["value", value]


def find(module: types.ModuleType, name: str) -> Callable[..., Any]:
    """The function of that name, or the method of `class Solution`.

    Raises:
        NameError: there is none.
    """
    names = module.__dict__
    if found := METHOD.fullmatch(name):
        return getattr(names[found[1]](), found[2])
    if name in names:
        return names[name]
    if hasattr(names.get("Solution"), name):
        return getattr(names["Solution"](), name)
    raise NameError(f"the code defines no {name}")


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def _caught(act: Callable[..., list[Any]], arguments: list[Any]) -> list[Any]:
    """The answer, or what went wrong, as a message."""
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
