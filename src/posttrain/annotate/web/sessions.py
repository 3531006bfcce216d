"""Signing up, in and out: routes of the API, and forms of the pages that work without JavaScript."""

from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse

from posttrain.annotate.db.store import DbRow, now, reading, writing
from posttrain.annotate.people.accounts import log_action, sign_in
from posttrain.annotate.people.credentials import SESSION_SECONDS, close_session, open_session
from posttrain.annotate.people.invitations import join, usable_invitation
from posttrain.annotate.people.names import tidy_name
from posttrain.annotate.problems import Invalid, Problem
from posttrain.annotate.web.guard import COOKIE, NotSignedIn, Person, Store, check_origin, client_of, engine_of
from posttrain.annotate.web.models import Credentials
from posttrain.annotate.web.sections import first_page
from posttrain.annotate.web.templates import page

router = APIRouter()

MAX_FIELDS = 10


@router.post("/api/v1/sessions", status_code=201, tags=["signing in"])
def make_session(given: Credentials, request: Request, response: Response) -> dict[str, str]:
    """Sign in: sets the session's cookie. Requests that change something then need the header X-CSRF-Token."""
    check_origin(request)
    person = _check_password(request, given.name, given.password)
    return {"csrf_token": start_session(request, response, person)}


@router.delete("/api/v1/sessions/current", status_code=204, tags=["signing in"])
def end_session(request: Request, response: Response, person: Person, store: Store) -> None:
    """Sign out."""
    with writing(store) as connection:
        close_session(connection, request.cookies.get(COOKIE, ""))
        log_action(connection, now(), person.id, "signed out")
    response.delete_cookie(COOKIE, path="/")


@router.get("/login", response_class=HTMLResponse, include_in_schema=False)
def login_page(request: Request) -> Any:
    """The form to sign in."""
    return page(request, "login.html")


@router.post("/login", response_class=HTMLResponse, include_in_schema=False)
async def login(request: Request) -> Any:
    """Sign in with the form."""
    form = await _form(request)
    return await run_in_threadpool(_login, request, form.get("name", ""), form.get("password", ""))


@router.get("/join/{secret}", response_class=HTMLResponse, include_in_schema=False)
def join_page(secret: str, request: Request, store: Store) -> Any:
    """The form to sign up with an invitation."""
    with reading(store) as connection:
        return page(request, "join.html", role=usable_invitation(connection, secret, now()).role, secret=secret)


@router.post("/join/{secret}", response_class=HTMLResponse, include_in_schema=False)
async def sign_up(secret: str, request: Request) -> Any:
    """Sign up with the form."""
    form = await _form(request)
    return await run_in_threadpool(_join, request, secret, form.get("name", ""), form.get("password", ""))


def _login(request: Request, name: str, password: str) -> Any:
    try:
        check_origin(request)
        person = _check_password(request, name, password)
    except Problem as problem:
        return page(request, "login.html", status=problem.status, problem=str(problem), name=name[:80])
    answer = RedirectResponse(first_page(request, person), status_code=303)
    start_session(request, answer, person)
    return answer


def _join(request: Request, secret: str, name: str, password: str) -> Any:
    try:
        check_origin(request)
        request.app.state.limits["joins"].count(client_of(request))
        with writing(engine_of(request)) as connection:
            person = join(connection, secret, name, password, now())
    except Problem as problem:
        values = {"problem": str(problem), "name": name[:80], "role": None, "secret": secret}
        return page(request, "join.html", status=problem.status, **values)
    answer = RedirectResponse(first_page(request, person), status_code=303)
    start_session(request, answer, person)
    return answer


def _check_password(request: Request, name: str, password: str) -> DbRow:
    """The person with this name and password; the limits are checked before the password.

    Tries of a name count per client address, so that a stranger cannot block another person's sign-in.
    """
    limits, client = request.app.state.limits, client_of(request)
    key = f"{client} {tidy_name(name).lower()}"
    limits["sign-ins from"].count(client)
    limits["sign-ins as"].count(key)
    with reading(engine_of(request)) as connection:
        person = None if "\0" in name else sign_in(connection, name, password)
    with writing(engine_of(request)) as connection:
        if person is None:
            log_action(connection, now(), None, "sign-in refused", name=name.replace("\0", "")[:80])
        else:
            log_action(connection, now(), person.id, "signed in")
    if person is None:
        raise NotSignedIn("the name or the password is wrong")
    limits["sign-ins as"].forget(key)
    return person


def start_session(request: Request, response: Response, person: DbRow) -> str:
    """Open a session, set its cookie and close the browser's earlier session; returns the CSRF token."""
    with writing(engine_of(request)) as connection:
        close_session(connection, request.cookies.get(COOKIE, ""))
        secret, csrf = open_session(connection, person, now())
    secure: bool = request.app.state.secure
    response.set_cookie(COOKIE, secret, max_age=SESSION_SECONDS, httponly=True, samesite="lax", secure=secure)
    return csrf


async def _form(request: Request) -> dict[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    try:
        fields = parse_qs(body, max_num_fields=MAX_FIELDS, keep_blank_values=True)
    except ValueError as error:
        raise Invalid(f"a form has at most {MAX_FIELDS} fields") from error
    return {name: values[0] for name, values in fields.items()}
