"""Checks of every request: its origin, its person, and how many requests the person sends."""

import hmac
import time
from collections import defaultdict, deque
from threading import Lock
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy import Engine

from posttrain.annotate.db.store import DbRow, now, reading
from posttrain.annotate.people.credentials import session_of, token_of
from posttrain.annotate.problems import Forbidden, Problem, TooMany

COOKIE = "posttrain_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Problem):
    """Nobody is signed in."""

    status = 401


class Limiter:
    """Limits the tries of each key within a time window. It is kept in memory, since one process serves the app.

    Args:
        most: the most tries within the window.
        seconds: the length of the window.
        pace: seconds between further tries once the limit is reached; None allows none until the window has passed.
    """

    def __init__(self, most: int, seconds: float, *, pace: float | None = None) -> None:
        self.most, self.seconds, self.pace = most, seconds, pace
        self._tries: dict[str, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def count(self, key: str) -> None:
        """Count a try.

        Raises:
            TooMany: the limit is reached.
        """
        at = time.monotonic()
        with self._lock:
            if len(self._tries) > 100_000:  # a flood of keys must not fill the memory
                self._tries = defaultdict(deque, {k: v for k, v in self._tries.items() if v[-1] > at - self.seconds})
            tries = self._tries[key]
            while tries and tries[0] <= at - self.seconds:
                tries.popleft()
            if len(tries) >= self.most:
                until = tries[0] + self.seconds if self.pace is None else tries[-1] + self.pace
                if until > at:
                    raise TooMany(until - at)
            tries.append(at)

    def forget(self, key: str) -> None:
        """Forget the tries of a key, after a success."""
        with self._lock:
            self._tries.pop(key, None)


def engine_of(request: Request) -> Engine:
    """The app's database."""
    return request.app.state.engine


def client_of(request: Request) -> str:
    """The address of the client."""
    return request.client.host if request.client else "unknown"


def check_origin(request: Request) -> None:
    """Raise Forbidden if a page of another site sends the request from the person's browser."""
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) != request.headers.get("host"):
        raise Forbidden("the request comes from another site")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("the request comes from another site")


def _host(origin: str) -> str | None:
    """The host and port of an origin; None if the origin is not a URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def signed_in(request: Request) -> DbRow | None:
    """The person of a request, by session cookie or Bearer token; None if there is neither.

    With a cookie, a request that changes something needs the session's CSRF token.

    Raises:
        NotSignedIn: the token is unknown or revoked.
        Forbidden: the request comes from another site, or its CSRF token is wrong.
    """
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    at = now()
    with reading(engine_of(request)) as connection:
        if kind.lower() == "bearer":
            person = token_of(connection, secret.strip())
            if person is None:
                raise NotSignedIn("this token is unknown or revoked")
            return person
        cookie = request.cookies.get(COOKIE)
        person = session_of(connection, cookie, at) if cookie else None
    if person is not None and request.method not in SAFE:
        check_origin(request)
        if not _same(request.headers.get("x-csrf-token", ""), person.csrf):
            raise Forbidden("the CSRF token is missing or wrong; load the page again")
    return person


def person_of(request: Request) -> DbRow:
    """The person of a request.

    Raises:
        NotSignedIn: nobody is signed in.
        TooMany: the person sends too many requests.
    """
    person = signed_in(request)
    if person is None:
        raise NotSignedIn("sign in first")
    request.app.state.limits["requests"].count(str(person.id))
    return person


def _same(given: str, kept: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), kept.encode())


Person = Annotated[Any, Depends(person_of)]
Store = Annotated[Engine, Depends(engine_of)]
