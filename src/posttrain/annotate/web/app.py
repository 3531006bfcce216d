"""The app: its parts put together, and what becomes of errors."""

import sys
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from posttrain import __version__
from posttrain.annotate.problems import Problem, TooMany
from posttrain.annotate.web import manage, oidc, screens, sessions, work
from posttrain.annotate.web.bodies import Guard
from posttrain.annotate.web.guard import Limiter, signed_in
from posttrain.annotate.web.oidc import Provider
from posttrain.annotate.web.templates import FOLDER, page

QUARTER = 15 * 60


def make_app(engine: Engine, *, secure: bool = False, provider: Provider | None = None) -> FastAPI:
    """The ranking app on a database.

    Args:
        secure: it is reached over HTTPS alone, through a proxy.
        provider: people may sign in there as well.
    """
    app = FastAPI(
        title="posttrain annotate",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such redirects name the host that the request claims
        responses={
            status: {"description": told}
            for status, told in {
                401: "nobody is signed in",
                403: "not allowed",
                404: "no such thing, or it is another's",
                409: "it was possible once",
                413: "too large",
                422: "makes no sense",
                429: "too often",
            }.items()
        },
    )
    app.state.engine, app.state.secure, app.state.oidc = engine, secure, provider
    app.state.limits = {
        "sign-ins as": Limiter(10, QUARTER, pace=30),
        "sign-ins from": Limiter(100, QUARTER),
        "joins": Limiter(100, QUARTER),
        "requests": Limiter(1200, 60),
    }
    for part in (sessions, oidc, work, manage, screens):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.add_middleware(Guard)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(OperationalError, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    return app


def _problem(request: Request, error: Exception) -> Any:
    status = getattr(error, "status", 400)
    if request.url.path.startswith("/api/"):
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooMany) else {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"detail": str(error)}, status_code=status, headers=headers)
    if status == 401:
        return RedirectResponse("/login", status_code=303)
    return page(request, "problem.html", status=status, person=_person(request), problem=str(error))


def _unavailable(request: Request, error: Exception) -> Any:
    """The database is locked, full or away: what was sent is not kept, and browsers send it again."""
    print(f"the database failed: {str(error).splitlines()[0][:200]}", file=sys.stderr, flush=True)
    told = "the database cannot be used right now; nothing was kept, try again"
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": told}, status_code=503)
    return page(request, "problem.html", status=503, problem=told)


def _invalid(request: Request, error: Exception) -> Any:
    """What is wrong with a request, without repeating what was sent."""
    assert isinstance(error, RequestValidationError)
    told = [
        {"where": ".".join(map(str, one["loc"]))[:200], "problem": str(one["msg"])[:200]} for one in error.errors()[:10]
    ]
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": told}, status_code=422)
    return page(request, "problem.html", status=404, person=_person(request), problem="there is no such page")


def _http(request: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(("/api/", "/static/")):
        return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)
    told = "there is no such page"
    return page(request, "problem.html", status=error.status_code, person=_person(request), problem=told)


def _person(request: Request) -> Any:
    """Who is signed in, for the page's head; None where that is what went wrong."""
    try:
        return signed_in(request)
    except Problem:
        return None
