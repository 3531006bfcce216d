"""The tests' stand-in for an object of a class of the code. It forwards all but its identity to the code's process.

Tests get one only where their text uses such objects (`suites.Suite.objects`). It compares by identity, and does no
arithmetic, since an object of the code could claim to equal any wanted value.
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
"""Name of a special method → the operator or builtin that calls it."""

Request = Callable[..., Any]
"""Sends a request to the code's process, and returns the answer."""


class Proxy(Handle):
    """An object of the code.

    Args:
        number: of the object, in the code's process.
        request: sends requests about it.
    """

    __slots__ = ("_request_code",)

    def __init__(self, number: int, request: Request) -> None:
        object.__setattr__(self, "number", number)
        object.__setattr__(self, "_request_code", request)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python or a library looks for it
            raise AttributeError(name)
        return self._request_code("get", self.number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._request_code("set", self.number, name, value)


def method(number: int, name: str, request: Request) -> Callable[..., Any]:
    """A method of an object of the code."""

    def call(*arguments: Any, **named: Any) -> Any:
        return request("invoke", number, name, arguments, named)

    return call


def _forwarded(name: str) -> Callable[..., Any]:
    def operate(self: Proxy, *arguments: Any, **named: Any) -> Any:
        return method(self.number, name, object.__getattribute__(self, "_request_code"))(*arguments, **named)

    return operate


for _name in OPERATIONS:
    setattr(Proxy, _name, _forwarded(_name))
