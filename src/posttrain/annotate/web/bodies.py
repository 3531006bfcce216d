"""What stands before the app: how much a request may hold, and the headers that go with every answer."""

import json
import re
from collections.abc import Callable, MutableMapping
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from posttrain.annotate.characters import holds_half
from posttrain.annotate.problems import Problem
from posttrain.annotate.web.guard import signed_in

MOST_STRANGERS_BYTES = 1 << 16
"""Of a request's body, as long as nobody is signed in."""

MOST_BYTES = 1 << 20
"""Of a request's body of a person who is signed in, but for imports."""

MOST_IMPORT_BYTES = 32 << 20
"""Of an import, which its route reads piece by piece after it has checked who asks."""

IMPORTS = re.compile(r"/api/v1/projects/\d+/imports")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

Scope = MutableMapping[str, Any]


class TooLarge(Problem):
    """A body is longer than it may be."""

    status = 413


class Guard:
    """ASGI middleware: refuses bodies that are too large before they are read, and adds `HEADERS`.

    A body that the app will not take costs little memory: strangers send `MOST_STRANGERS_BYTES`, and whoever wants to
    send more is asked for a session before a byte is read. JSON with half a surrogate pair ends here as well: no
    database and no answer can hold it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Scope) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = dict(HEADERS)
                if not scope["path"].startswith("/static/"):
                    more["Cache-Control"] = "no-store"
                message["headers"] = [
                    *message["headers"],
                    *((k.lower().encode(), v.encode()) for k, v in more.items() if k.lower().encode() not in given),
                ]
            await send(message)

        if IMPORTS.fullmatch(scope["path"]):
            await self.app(scope, _counted(receive, MOST_IMPORT_BYTES), answer)
            return
        most = await _most(scope)
        body = await _body(scope, receive, most)
        if body is None:
            await _refuse(answer, 413, f"a request may hold at most {most >> 10} KiB{_HINT * (most < MOST_BYTES)}")
            return
        if holds_half(body):
            await _refuse(answer, 422, "the JSON holds half of a surrogate pair, which is no character")
            return
        sent = False

        async def again() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, answer)


_HINT = "; sign in to send more"


def _counted(receive: Callable[..., Any], most: int) -> Callable[..., Any]:
    """The same messages, until they hold more than `most` bytes."""
    size = 0

    async def counted() -> Any:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge(f"an import may hold at most {most >> 20} MiB")
        return message

    return counted


async def _most(scope: Scope) -> int:
    """How many bytes the body may hold; only a body that is long, or of unknown length, costs a look at the session."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" not in headers and _length(headers) <= MOST_STRANGERS_BYTES:
        return MOST_STRANGERS_BYTES
    try:
        person = await run_in_threadpool(signed_in, Request(scope))
    except Problem:
        person = None
    return MOST_STRANGERS_BYTES if person is None else MOST_BYTES


def _length(headers: dict[bytes, bytes]) -> float:
    """The length that the headers tell; infinite if it is no number, or one that is longer than any body may be."""
    told = headers.get(b"content-length", b"0")
    return int(told) if told.isdigit() and len(told) < 20 else float("inf")


async def _body(scope: Scope, receive: Callable[..., Any], most: int) -> bytes | None:
    """The whole body, or None if it is longer than `most`."""
    if _length(dict(scope["headers"])) > most:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _refuse(send: Callable[..., Any], status: int, why: str) -> None:
    text = json.dumps({"detail": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": text})
