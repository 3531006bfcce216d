"""The ASGI app: its routers, middleware and error handlers."""

import sys
from collections.abc import Sequence
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
from posttrain.annotate.web import manage, manage_people, oidc, screens, sessions, work
from posttrain.annotate.web.bodies import BodyLimitMiddleware
from posttrain.annotate.web.guard import Limiter, signed_in
from posttrain.annotate.web.oidc_provider import Provider
from posttrain.annotate.web.sections import Section
from posttrain.annotate.web.templates import FOLDER, page, templates_of

QUARTER = 15 * 60


def make_app(
    engine: Engine, *, secure: bool = False, provider: Provider | None = None, sections: Sequence[Section] = ()
) -> FastAPI:
    """The ranking app over a database.

    Args:
        secure: whether people reach it only over HTTPS, through a proxy.
        provider: an OpenID Connect provider with which people may sign in as well.
        sections: further parts of the app.
    """
    app = FastAPI(
        title="posttrain annotate",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # such redirects would use the host name of the request, which anybody can set
        responses={
            status: {"description": description}
            for status, description in {
                401: "not signed in",
                403: "not allowed",
                404: "does not exist, or belongs to another person",
                409: "too late: the object has changed",
                413: "too large",
                422: "invalid values",
                429: "too many requests",
            }.items()
        },
    )
    app.state.engine, app.state.secure, app.state.oidc = engine, secure, provider
    app.state.sections = tuple(sections)
    app.state.templates = templates_of([section.pages for section in sections])
    app.state.limits = {
        "sign-ins as": Limiter(10, QUARTER, pace=30),
        "sign-ins from": Limiter(100, QUARTER),
        "joins": Limiter(100, QUARTER),
        "requests": Limiter(1200, 60),
    }
    for module in (sessions, oidc, work, manage, manage_people, screens):
        app.include_router(module.router)
    for section in sections:
        setattr(app.state, section.name, section.state)
        app.include_router(section.router)
        app.mount(f"/static/{section.name}", StaticFiles(directory=section.pages / "static"), name=section.name)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    app.add_middleware(BodyLimitMiddleware)
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
    """The database is locked, full or unreachable: the request is not stored, and browsers send it again."""
    print(f"the database failed: {str(error).splitlines()[0][:200]}", file=sys.stderr, flush=True)
    message = "the database cannot be used right now; nothing was stored, try again"
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": message}, status_code=503)
    return page(request, "problem.html", status=503, problem=message)


def _invalid(request: Request, error: Exception) -> Any:
    """The invalid values of a request; the response names their places and does not repeat the values."""
    assert isinstance(error, RequestValidationError)
    details = [
        {"where": ".".join(map(str, detail["loc"]))[:200], "problem": str(detail["msg"])[:200]}
        for detail in error.errors()[:10]
    ]
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": details}, status_code=422)
    return page(request, "problem.html", status=404, person=_person(request), problem="there is no such page")


def _http(request: Request, error: Exception) -> Any:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith(("/api/", "/static/")):
        return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)
    message = "there is no such page"
    return page(request, "problem.html", status=error.status_code, person=_person(request), problem=message)


def _person(request: Request) -> Any:
    """The person who is signed in, for the page's header; None if the sign-in is the problem."""
    try:
        return signed_in(request)
    except Problem:
        return None
