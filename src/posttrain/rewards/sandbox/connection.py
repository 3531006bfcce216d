"""The tests' connection to the code's process, with stand-ins for the code's functions and exceptions."""

import builtins
import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from posttrain.rewards.sandbox.adapt import CodeStopIteration
from posttrain.rewards.sandbox.codec import CALLS, Disconnected, Handle, NotPlain, ValueTooLarge, receive, send
from posttrain.rewards.sandbox.proxy import Proxy, method

CHUNK = 1024
"""Most items of an iterator that are fetched at once."""


class CodeConnection:
    """The connection to the code's process.

    Args:
        decided: (kind, detail) of the first event that decides the verdict, whatever the tests catch.
        called: whether the tests have called the code.
        answered: whether the code has returned a value; from then on the course of the tests may depend on it.
    """

    def __init__(self, cap: int, arguments_cap: int, catching: dict[str, list[tuple[int, int]]]) -> None:
        self.decided: tuple[str, str] | None = None
        self.called = self.answered = False
        self._raised: Exception | None = None
        self._cap, self._arguments_cap, self._catching = cap, arguments_cap, catching
        self._lock = threading.RLock()

    def stand_in(self, name: str, *, objects: bool = False) -> Callable[..., Any]:
        """A stand-in for a function of the code.

        Args:
            objects: the tests use its result as an object of the code.
        """

        def candidate(*arguments: Any, **named: Any) -> Any:
            self.called = True
            return self.request("make" if objects else "call", name, arguments, named)

        def in_place(*arguments: Any, **named: Any) -> None:
            self.called = True
            given, changed = [*arguments, *named.values()], self.request("change", name, arguments, named)
            if not isinstance(changed, list) or len(given) != len(changed):
                raise self._end("refused", "the code sent a malformed answer")
            for old, new in zip(given, changed, strict=True):
                _replace(old, new)

        candidate.__name__ = name
        candidate.in_place = in_place  # type: ignore[attr-defined]
        return candidate

    def request(self, *request: Any) -> Any:
        """Send a request to the code's process; return its value, or raise its exception."""
        with self._lock:
            if self.lost_exception() or self.decided:
                raise Disconnected
            try:
                send(CALLS, request, self._arguments_cap)
            except NotPlain as error:  # after an answer, the size may be the code's doing
                own = isinstance(error, ValueTooLarge) and self.answered
                raise self._end("refused" if own else "broken", f"the tests pass {error}") from error
            except Disconnected as error:
                raise self._end("gone", "the code ended its process") from error
            try:
                kind, *rest = receive(CALLS, self._cap, self._pulled)
                return self._read(str(kind), rest, request)
            except Disconnected as error:
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
            return Handle(rest[0]) if request[0] == "call" else Proxy(rest[0], self.request)
        if kind == "method" and request[0] == "get":
            return method(request[1], request[2], self.request)
        if kind == "raised":
            error = _exception(*rest)
            if self._may_be_caught():
                self._raised = error
                raise error
            raise self._end("memory" if isinstance(error, MemoryError) else "error", describe_error(error))
        raise self._end(kind if kind in ("refused", "memory") else "error", str(rest[0]))

    def caught(self, value: Any) -> Any:
        """Record that the tests themselves caught the code's exception; return the value."""
        self._raised = None
        return value

    def finished(self) -> None:
        """End the tests if an exception of the code is lost."""
        if self.lost_exception():
            raise Disconnected

    def lost_exception(self) -> bool:
        """Whether an exception of the code is lost: one of Python's protocols caught it, and not the tests themselves.

        Then it decides the verdict.
        """
        if self._raised is not None:
            self._end("error", describe_error(self._raised))
        return self._raised is not None

    def _end(self, kind: str, detail: str) -> Disconnected:
        """Decide the verdict, unless it is decided; return the exception that ends the tests when it is raised."""
        self.decided = self.decided or (kind, detail)
        return Disconnected()

    def _may_be_caught(self) -> bool:
        """Whether the tests may catch exceptions at a line of the call stack.

        Where they may not, an exception of the code ends the tests.
        """
        frame = inspect.currentframe()
        while frame is not None:
            for first, last in self._catching.get(frame.f_code.co_filename, ()):
                if first <= frame.f_lineno <= last:
                    return True
            frame = frame.f_back
        return False

    def _pulled(self, number: int) -> Iterator[Any]:
        """The items of an iterator in the code's process, fetched when they are needed."""
        count, done = 1, False
        while not done:
            match self.request("more", number, count):
                case [[*items], bool(done)]:
                    yield from items
                case _:
                    raise self._end("refused", "the code sent a malformed answer")
            count = min(2 * count, CHUNK)


def _replace(old: Any, new: Any) -> None:
    """Change a value of the tests in place, as the code changed its copy."""
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


def describe_error(error: BaseException) -> str:
    """The type and the text of an exception."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _exception(base: str, name: str, text: str, arguments: list[Any] | None) -> Exception:
    """The code's exception, as a builtin or as a subclass of one with the name and text of the code's class."""
    kind: Any = getattr(builtins, base, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = Exception
    if issubclass(kind, StopIteration | StopAsyncIteration):
        kind = CodeStopIteration
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
    except TypeError:  # UnicodeDecodeError and similar types need five arguments of given types
        error: Exception = kind.__new__(kind)
        error.args = tuple(arguments)
        return error
