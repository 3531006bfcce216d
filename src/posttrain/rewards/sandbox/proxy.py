"""What stands in the tests for an object of a class of the code. It asks the code's process for all but its identity.

Only tests that use such objects by their own text get one (`suites.Suite.objects`). It compares by identity, and does
no arithmetic: what an object of the code says of its equality with a wanted value proves nothing.
"""

import operator
from collections.abc import Callable
from typing import Any

from posttrain.rewards.sandbox.codec import Handle

OPERATIONS: dict[str, Callable[..., Any]] = {
    "__len__": len,
    "__bool__": bool,
    "__str__": str,
    "__repr__": repr,
    "__iter__": iter,
    "__contains__": operator.contains,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__call__": operator.call,
}
"""What Python does with an object by its operators and builtins."""

Ask = Callable[..., Any]
"""Sends a request to the code's process, and returns its answer."""


class Proxy(Handle):
    """An object of the code.

    Args:
        number: of the object, in the code's process.
        ask: for requests about it.
    """

    __slots__ = ("_ask",)

    def __init__(self, number: int, ask: Ask) -> None:
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "_ask", ask)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python or a library looks for
            raise AttributeError(name)
        return self._ask("get", self.number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", self.number, name, value)


def method(number: int, name: str, ask: Ask) -> Callable[..., Any]:
    """A method of an object of the code."""

    def call(*arguments: Any, **named: Any) -> Any:
        return ask("invoke", number, name, arguments, named)

    return call


def _forwarded(name: str) -> Callable[..., Any]:
    def operate(self: Proxy, *arguments: Any, **named: Any) -> Any:
        return method(self.number, name, object.__getattribute__(self, "_ask"))(*arguments, **named)

    return operate


for _name in OPERATIONS:
    setattr(Proxy, _name, _forwarded(_name))
