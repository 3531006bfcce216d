"""The tested code's own process: untrusted. It answers calls with plain data and never sees a test or the verdict."""

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

    Requests:

    - ``["load", names]``: choose the code that defines the names, and run it;
    - ``["call", name, arguments, named]``: a function;
    - ``["make", ...]``: likewise, where the result may be an object of the code;
    - ``["change", ...]``: likewise, for what becomes of the arguments;
    - ``["more", number, count]``: items of an iterator;
    - ``["get", number, name]``, ``["set", number, name, value]``, ``["invoke", number, name, arguments, named]``: of an
      object.

    Answers: ``["value", value]``; ``["object", number]``; ``["method"]``; ``["raised", builtin base, name, text,
    arguments or None]``; ``["ended", text]``; ``["refused", text]``; ``["memory", text]``.
    """
    cap: int = job["cap"]
    module = make_module("solution")
    kept: list[Any] = []

    def keep(value: object) -> int:
        kept.append(value)
        return len(kept) - 1

    def load(names: list[str]) -> list[Any]:
        code = choose(Answer.of(job["answer"]), names, prompt=job["prompt"])
        exec(job["prelude"], module.__dict__)
        exec(compile(code, "solution.py", "exec"), module.__dict__)
        return ["value", None]

    def call(name: str, arguments: Any, named: Any) -> list[Any]:
        function = find(module, name)
        result = run_coroutine(function(*arguments, **named))
        made = isinstance(function, type) and isinstance(result, function)
        return told(result) if made else ["value", result]

    def make(name: str, arguments: Any, named: Any) -> list[Any]:
        return told(find(module, name)(*arguments, **named))

    def change(name: str, arguments: Any, named: Any) -> list[Any]:
        find(module, name)(*arguments, **named)
        return ["value", [part if isinstance(part, CHANGEABLE) else None for part in (*arguments, *named.values())]]

    def get(number: int, name: str) -> list[Any]:
        value = getattr(kept[number], name)
        return ["method"] if callable(value) else told(value)

    def put(number: int, name: str, value: Any) -> list[Any]:
        setattr(kept[number], name, value)
        return ["value", None]

    def invoke(number: int, name: str, arguments: Any, named: Any) -> list[Any]:
        operation = OPERATIONS.get(name)
        function = getattr(kept[number], name) if operation is None else partial(operation, kept[number])
        return told(function(*arguments, **named))

    def told(value: object) -> list[Any]:
        return ["object", keep(value)] if type(value).__module__ == module.__name__ else ["value", value]

    def more(number: int, count: int) -> list[Any]:
        items: list[Any] = []
        try:
            for item in islice(kept[number], count):
                items.append(item)
        except Exception as error:
            if not items:
                raise
            kept[number] = _raising(error)
            return ["value", [items, False]]
        return ["value", [items, len(items) < count]]

    acts: dict[str, Callable[..., list[Any]]] = {"load": load, "call": call, "make": make, "change": change}
    acts |= {"more": more, "get": get, "set": put, "invoke": invoke}
    while True:
        try:
            act, *rest = receive(CALLS, job["arguments_cap"], kept.__getitem__)
        except Gone:
            return
        answer = _caught(acts[act], rest)
        try:
            send(CALLS, answer, cap, keep)
        except MemoryError as error:
            send(CALLS, ["memory", str(error)[:TEXT]], cap)
        except (NotPlain, RecursionError) as error:
            if answer[0] == "raised":  # its arguments do not cross
                send(CALLS, [*answer[:-1], None], cap)
            else:
                send(CALLS, ["refused", f"{rest[0]} returned {str(error)[:TEXT]}"], cap)


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
