"""Middleware before the app: it limits the size of requests and adds security headers to every response."""

import json
import re
from collections.abc import Callable, MutableMapping
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from posttrain.annotate.characters import has_lone_surrogate
from posttrain.annotate.problems import Problem
from posttrain.annotate.web.guard import signed_in

MAX_ANONYMOUS_BYTES = 1 << 16
"""The largest request body of a client that is not signed in."""

MAX_SIGNED_IN_BYTES = 1 << 20
"""The largest request body of a person who is signed in, except for imports."""

MAX_IMPORT_BYTES = 32 << 20
"""The largest import; its route checks the person first and reads the body in pieces."""

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


class BodyTooLarge(Problem):
    """The body of a request is too large."""

    status = 413


class BodyLimitMiddleware:
    """ASGI middleware that refuses too large bodies before they are read, and adds `HEADERS`.

    A refused body costs little memory: a client without a session may send `MAX_ANONYMOUS_BYTES`; for a longer body the
    session is checked before the first byte is read. JSON with a lone surrogate is refused as well, since no database
    and no response can hold it.
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
            await self.app(scope, _counted(receive, MAX_IMPORT_BYTES), answer)
            return
        most = await _most(scope)
        body = await _body(scope, receive, most)
        if body is None:
            hint = "; sign in to send more" if most < MAX_SIGNED_IN_BYTES else ""
            await _refuse(answer, 413, f"a request may have at most {most >> 10} KiB{hint}")
            return
        if has_lone_surrogate(body):
            await _refuse(answer, 422, "the JSON has half of a surrogate pair, which is not a character")
            return
        sent = False

        async def again() -> Any:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, again, answer)


def _counted(receive: Callable[..., Any], most: int) -> Callable[..., Any]:
    """`receive`, with BodyTooLarge as soon as the body has more than `most` bytes."""
    size = 0

    async def counted() -> Any:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise BodyTooLarge(f"an import may have at most {most >> 20} MiB")
        return message

    return counted


async def _most(scope: Scope) -> int:
    """The largest allowed body; the session is read only for a body that is long or of unknown length."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" not in headers and _length(headers) <= MAX_ANONYMOUS_BYTES:
        return MAX_ANONYMOUS_BYTES
    try:
        person = await run_in_threadpool(signed_in, Request(scope))
    except Problem:
        person = None
    return MAX_ANONYMOUS_BYTES if person is None else MAX_SIGNED_IN_BYTES


def _length(headers: dict[bytes, bytes]) -> float:
    """The Content-Length; infinite if it is not a number or has 20 digits or more."""
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() and len(length) < 20 else float("inf")


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
