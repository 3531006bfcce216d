"""The ASGI app of the server: its routes, its key, its limits, and errors in OpenAI's form."""

import hmac
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from posttrain import __version__
from posttrain.serve.answering import Requests
from posttrain.serve.metrics import Metrics
from posttrain.serve.problems import RequestProblem, TooLarge, WrongKey
from posttrain.serve.routes import ServerLimits, ServerState, router
from posttrain.serve.served import ServedModel

OPEN = ("/health",)
"""Paths that need no key."""

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

Scope = MutableMapping[str, Any]


def make_server_app(models: Mapping[str, ServedModel], limits: ServerLimits, key: str | None) -> FastAPI:
    """The server's app. Its engine runs until `app.state.server.requests.engine.close` is called.

    Args:
        key: what clients must send; None on loopback.
    """
    requests = Requests(models, limits.rows)
    app = FastAPI(title="posttrain serve", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.server = ServerState(models, requests, Metrics(requests.engine.load), limits)
    app.include_router(router)
    app.add_middleware(_Guard, key=key, most=limits.body_bytes)
    app.add_exception_handler(RequestProblem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


class _Guard:
    """ASGI middleware: the key, the host, the content type and the size of a request, before anything reads it.

    Without a key, a page of another site could send requests from a browser on this machine. Such a request names
    another host, or has another content type than JSON.
    """

    def __init__(self, app: Any, key: str | None, most: int) -> None:
        self.app, self.key, self.most = app, key, most

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._check(request)
        except RequestProblem as problem:
            await _as_response(problem, close=True)(scope, receive, send)
            return
        size = 0

        async def counted() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:
                raise TooLarge(f"the body is larger than {self.most} bytes")
            return message

        await self.app(scope, counted, send)

    def _check(self, request: Request) -> None:
        if request.scope["path"] in OPEN:
            return
        if self.key is None:
            if _host_name(request.headers.get("host", "")) not in LOCAL_NAMES:
                raise RequestProblem(
                    "this server answers requests to localhost only; to use another name, set POSTTRAIN_SERVE_KEY "
                    "before it starts"
                )
        elif not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self.key}".encode()):
            raise WrongKey("the key is missing or wrong; send it as Authorization: Bearer KEY")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind != "application/json":
            raise RequestProblem("the content type must be application/json")
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length[:20]) > self.most:
            raise TooLarge(f"the body is larger than {self.most} bytes")


def _host_name(header: str) -> str:
    """The name in a Host header, without its port."""
    return header[1:].partition("]")[0] if header.startswith("[") else header.partition(":")[0]


def _as_response(problem: RequestProblem, *, close: bool = False) -> JSONResponse:
    headers = {"Retry-After": "1"} if problem.status == 429 else {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if close:  # the body was not read
        headers["Connection"] = "close"
    return JSONResponse(problem.as_json(), problem.status, headers)


def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)
    return _as_response(error)


def _gone(request: Request, error: Exception) -> Response:
    """The client went away while it sent its request; nobody reads this."""
    return Response(status_code=499)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = RequestProblem(f"{request.method} {request.url.path}: {str(error.detail).lower()}")
    return JSONResponse(problem.as_json(), error.status_code, error.headers)
