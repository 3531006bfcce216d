"""The line from the tests to the code's process, and what stands for its functions and exceptions."""

import builtins
import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from posttrain.rewards.sandbox.adapt import Stopped
from posttrain.rewards.sandbox.codec import CALLS, Gone, Handle, NotPlain, TooLarge, receive, send
from posttrain.rewards.sandbox.proxy import Proxy, method

CHUNK = 1024
"""Items of an iterator that are fetched at once, at most."""


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
        self._raised: Exception | None = None
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
            given, changed = [*arguments, *named.values()], self.ask("change", name, arguments, named)
            if not isinstance(changed, list) or len(given) != len(changed):
                raise self._end("refused", "the code sent a malformed answer")
            for old, new in zip(given, changed, strict=True):
                _replace(old, new)

        candidate.__name__ = name
        candidate.in_place = in_place  # type: ignore[attr-defined]
        return candidate

    def ask(self, *request: Any) -> Any:
        """What the code answers; raises what it raises."""
        with self._lock:
            if self.swallowed() or self.settled:
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
                self._raised = error
                raise error
            raise self._end("memory" if isinstance(error, MemoryError) else "error", said(error))
        raise self._end(kind if kind in ("refused", "memory") else "error", str(rest[0]))

    def caught(self, value: Any) -> Any:
        """Note that the tests themselves have caught what the code raised; returns the value."""
        self._raised = None
        return value

    def finished(self) -> None:
        """End the tests if an exception of the code has been swallowed."""
        if self.swallowed():
            raise Gone

    def swallowed(self) -> bool:
        """Whether an exception of the code is gone that the tests have not caught themselves: one of Python's protocols
        has taken it for its own. Then it decides the verdict."""
        if self._raised is not None:
            self._end("error", said(self._raised))
        return self._raised is not None

    def _end(self, kind: str, detail: str) -> Gone:
        """Decide the verdict, unless it is decided; what is to be raised then ends the tests."""
        self.settled = self.settled or (kind, detail)
        return Gone()

    def _may_be_caught(self) -> bool:
        """Whether one of the lines that led here stands where the tests catch exceptions. Elsewhere an exception of the
        code ends the tests."""
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


def said(error: BaseException) -> str:
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
        kind = Stopped
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
