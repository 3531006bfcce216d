"""Sign-in with an OpenID Connect provider: authorization code with PKCE, state and nonce.

OpenID Connect Core 1.0, section 3.1; RFC 7636. State, nonce, verifier and invitation are kept in a cookie for ten
minutes, until the browser comes back. A person is identified by (issuer, subject) alone, never by an e-mail address
or a name. A new person needs an invitation, as everybody does.
"""

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from posttrain.annotate.db.store import now, writing
from posttrain.annotate.people.accounts import log_action
from posttrain.annotate.people.identities import join_as, person_known_as
from posttrain.annotate.problems import Forbidden, Missing
from posttrain.annotate.web.guard import client_of, engine_of
from posttrain.annotate.web.oidc_provider import Provider, exchange_code, verified_claims
from posttrain.annotate.web.sections import first_page
from posttrain.annotate.web.sessions import start_session

router = APIRouter(include_in_schema=False)

COOKIE = "posttrain_oidc"
BACK = "/login/oidc/back"
FLOW_SECONDS = 600


@router.get("/login/oidc")
def redirect_to_provider(request: Request, invitation: str = "") -> Any:
    """Redirect the browser to the provider."""
    provider = _provider(request)
    flow = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    digest = hashlib.sha256(flow["verifier"].encode()).digest()
    parameters = {
        "response_type": "code",
        "client_id": provider.client,
        "redirect_uri": _back(request),
        "scope": "openid profile",
        "state": flow["state"],
        "nonce": flow["nonce"],
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorize else "?"
    answer = RedirectResponse(f"{provider.authorize}{joint}{urlencode(parameters)}", status_code=303)
    cookie = base64.urlsafe_b64encode(json.dumps({**flow, "invitation": invitation[:200]}).encode()).decode()
    secure: bool = request.app.state.secure
    answer.set_cookie(COOKIE, cookie, max_age=FLOW_SECONDS, httponly=True, samesite="lax", secure=secure, path=BACK)
    return answer


@router.get(BACK)
def handle_callback(request: Request, code: str = "", state: str = "", error: str = "") -> Any:
    """The browser comes back from the provider: a known person, or a person with an invitation, gets a session."""
    provider = _provider(request)
    request.app.state.limits["sign-ins from"].count(client_of(request))
    flow = _flow(request.cookies.get(COOKIE, ""))
    if not flow or not secrets.compare_digest(flow["state"].encode(), state.encode("utf-8", "surrogatepass")):
        raise Forbidden("this sign-in did not begin in this browser, or took longer than ten minutes; begin again")
    if error or not code:
        raise Forbidden(f"{provider.name} did not sign you in; begin again")
    claims = verified_claims(provider, exchange_code(provider, code, flow["verifier"], _back(request)), flow["nonce"])
    with writing(engine_of(request)) as connection:
        person = person_known_as(connection, provider.issuer, claims["sub"])
        if person is None and flow["invitation"]:
            name = next((str(claims[key]) for key in ("preferred_username", "name") if claims.get(key)), "unnamed")
            person = join_as(connection, flow["invitation"], provider.issuer, claims["sub"], name, now())
        if person is not None and person.active:
            log_action(connection, now(), person.id, "signed in", issuer=provider.issuer)
    if person is None or not person.active:
        with writing(engine_of(request)) as connection:
            log_action(connection, now(), None, "sign-in refused", issuer=provider.issuer, subject=claims["sub"])
        raise Forbidden("you have no account here; ask the owner of this app for an invitation")
    answer = RedirectResponse(first_page(request, person), status_code=303)
    start_session(request, answer, person)
    answer.delete_cookie(COOKIE, path=BACK)
    return answer


def _provider(request: Request) -> Provider:
    provider = request.app.state.oidc
    if provider is None:
        raise Missing("there is no such page")
    return provider


def _back(request: Request) -> str:
    """The redirect address for the provider: this app's URL, as the browser knows it."""
    return f"{'https' if request.app.state.secure else 'http'}://{request.headers.get('host', '')}{BACK}"


def _flow(cookie: str) -> dict[str, str]:
    """The values of the cookie; empty if it is malformed."""
    try:
        flow = json.loads(base64.urlsafe_b64decode(cookie))
    except ValueError:
        return {}
    names = ("state", "nonce", "verifier", "invitation")
    return flow if isinstance(flow, dict) and all(isinstance(flow.get(name), str) for name in names) else {}
