"""What every request is asked: from which site it comes, who sends it, and how often."""

import time
from collections import defaultdict, deque
from threading import Lock
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy import Engine

from posttrain.annotate.db.store import Row, now, reading
from posttrain.annotate.people.credentials import session_of, token_of
from posttrain.annotate.problems import Forbidden, Problem, TooMany

COOKIE = "posttrain_session"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Unknown(Problem):
    """Nobody is signed in."""

    status = 401


class Limiter:
    """So many tries within a window of seconds, for each key; kept in memory, for one process serves the app.

    Args:
        pace: seconds from one further try to the next, once there were too many; without it the window must pass.
    """

    def __init__(self, most: int, seconds: float, *, pace: float | None = None) -> None:
        self.most, self.seconds, self.pace = most, seconds, pace
        self._tries: dict[str, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def count(self, key: str) -> None:
        """Count a try.

        Raises:
            TooMany: there were too many lately.
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
        """After a success."""
        with self._lock:
            self._tries.pop(key, None)


def engine_of(request: Request) -> Engine:
    """The app's database."""
    return request.app.state.engine


def client_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "unknown"


def check_origin(request: Request) -> None:
    """Refuse what another site's page sends in this person's browser."""
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) != request.headers.get("host"):
        raise Forbidden("the request comes from another site")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("the request comes from another site")


def _host(origin: str) -> str | None:
    """The host and port of an origin; None if it is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def signed_in(request: Request) -> Row | None:
    """Who asks, by cookie or Bearer token; None for nobody. What changes something needs the session's CSRF token."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    at = now()
    with reading(engine_of(request)) as connection:
        if kind.lower() == "bearer":
            person = token_of(connection, secret.strip())
            if person is None:
                raise Unknown("this token is unknown or revoked")
            return person
        cookie = request.cookies.get(COOKIE)
        person = session_of(connection, cookie, at) if cookie else None
    if person is not None and request.method not in SAFE:
        check_origin(request)
        if not _same(request.headers.get("x-csrf-token", ""), person.csrf):
            raise Forbidden("the CSRF token is missing or wrong; load the page again")
    return person


def person_of(request: Request) -> Row:
    """Who asks.

    Raises:
        Unknown: nobody is signed in.
        TooMany: the person asks too often.
    """
    person = signed_in(request)
    if person is None:
        raise Unknown("sign in first")
    request.app.state.limits["requests"].count(str(person.id))
    return person


def _same(given: str, kept: str) -> bool:
    import hmac

    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), kept.encode())


Person = Annotated[Any, Depends(person_of)]
Store = Annotated[Engine, Depends(engine_of)]
