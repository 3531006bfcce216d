"""Signing in with an OpenID Connect provider: authorization code with PKCE, state and nonce.

OpenID Connect Core 1.0, section 3.1; RFC 7636. What must be the same when the browser comes back (state, nonce,
verifier, invitation) is kept in a cookie of ten minutes. A person is known by (issuer, subject) alone, never by an
address or a name; who is not known needs an invitation, as everybody does.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from posttrain.annotate.db.store import now, writing
from posttrain.annotate.people.accounts import note
from posttrain.annotate.people.identities import join_as, person_known_as
from posttrain.annotate.problems import Forbidden, Missing, Problem
from posttrain.annotate.web.guard import client_of, engine_of
from posttrain.annotate.web.sessions import begin
from posttrain.errors import InputError

router = APIRouter(include_in_schema=False)

COOKIE = "posttrain_oidc"
BACK = "/login/oidc/back"
FLOW_SECONDS = 600
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Of signatures; those with a shared secret, or none, are not among them."""


class Unreachable(Problem):
    """The provider does not answer as it should."""

    status = 502


@dataclass(frozen=True, slots=True)
class Provider:
    """Who says who somebody is.

    Args:
        issuer: its URL.
        client: what we are called there.
        secret: what we prove it with; empty for a public client.
        authorize: where browsers are sent.
        token: where codes are exchanged.
        keys: where its keys are.
    """

    issuer: str
    client: str
    secret: str
    authorize: str
    token: str
    keys: str

    @property
    def name(self) -> str:
        """What people know it by."""
        return urlsplit(self.issuer).hostname or self.issuer


def discover(issuer: str, client: str, secret: str) -> Provider:
    """Ask a provider where its endpoints are.

    Raises:
        InputError: it does not answer, or is another issuer than it is said to be.
    """
    try:
        import jwt  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise InputError("--oidc: needs a library more; pip install 'posttrain[oidc]'") from error
    place = urlsplit(issuer)
    if place.scheme != "https" and not (place.scheme == "http" and place.hostname in ("127.0.0.1", "localhost")):
        raise InputError(f"--oidc {issuer}: must be an https:// URL")
    try:
        told = _asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        places = [str(told[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    except (Unreachable, KeyError) as error:
        raise InputError(f"--oidc {issuer}: is no OpenID Connect provider that answers ({error})") from error
    if told.get("issuer") != issuer:
        raise InputError(f"--oidc {issuer}: calls itself {told.get('issuer')}; give that URL if it is right")
    return Provider(issuer, client, secret, *places)


@router.get("/login/oidc")
def leave(request: Request, invitation: str = "") -> Any:
    """Off to the provider."""
    provider = _provider(request)
    flow = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    digest = hashlib.sha256(flow["verifier"].encode()).digest()
    asked = {
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
    answer = RedirectResponse(f"{provider.authorize}{joint}{urlencode(asked)}", status_code=303)
    kept = base64.urlsafe_b64encode(json.dumps({**flow, "invitation": invitation[:200]}).encode()).decode()
    secure: bool = request.app.state.secure
    answer.set_cookie(COOKIE, kept, max_age=FLOW_SECONDS, httponly=True, samesite="lax", secure=secure, path=BACK)
    return answer


@router.get(BACK)
def come_back(request: Request, code: str = "", state: str = "", error: str = "") -> Any:
    """Back from the provider: a session for who is known, or comes with an invitation."""
    provider = _provider(request)
    request.app.state.limits["sign-ins from"].count(client_of(request))
    flow = _flow(request.cookies.get(COOKIE, ""))
    if not flow or not secrets.compare_digest(flow["state"].encode(), state.encode("utf-8", "surrogatepass")):
        raise Forbidden("this sign-in was not begun here, or took longer than ten minutes; begin again")
    if error or not code:
        raise Forbidden(f"{provider.name} did not sign you in; begin again")
    claims = _claims(provider, _token(provider, code, flow["verifier"], _back(request)), flow["nonce"])
    with writing(engine_of(request)) as connection:
        person = person_known_as(connection, provider.issuer, claims["sub"])
        if person is None and flow["invitation"]:
            name = next((str(claims[key]) for key in ("preferred_username", "name") if claims.get(key)), "unnamed")
            person = join_as(connection, flow["invitation"], provider.issuer, claims["sub"], name, now())
        if person is not None and person.active:
            note(connection, now(), person.id, "signed in", issuer=provider.issuer)
    if person is None or not person.active:
        with writing(engine_of(request)) as connection:
            note(connection, now(), None, "sign-in refused", issuer=provider.issuer, subject=claims["sub"])
        raise Forbidden("you are not known here; ask the person who runs this place for an invitation")
    answer = RedirectResponse("/", status_code=303)
    begin(request, answer, person)
    answer.delete_cookie(COOKIE, path=BACK)
    return answer


def _provider(request: Request) -> Provider:
    provider = request.app.state.oidc
    if provider is None:
        raise Missing("there is no such page")
    return provider


def _back(request: Request) -> str:
    """Where the provider sends people back to: this app, as the browser knows it."""
    return f"{'https' if request.app.state.secure else 'http'}://{request.headers.get('host', '')}{BACK}"


def _flow(cookie: str) -> dict[str, str]:
    try:
        flow = json.loads(base64.urlsafe_b64decode(cookie))
    except ValueError:
        return {}
    names = ("state", "nonce", "verifier", "invitation")
    return flow if isinstance(flow, dict) and all(isinstance(flow.get(name), str) for name in names) else {}


def _token(provider: Provider, code: str, verifier: str, back: str) -> str:
    """The ID token that a code stands for."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    if provider.secret:
        told = _asked("POST", provider.token, data=form, auth=(provider.client, provider.secret))
    else:
        told = _asked("POST", provider.token, data={**form, "client_id": provider.client})
    if not isinstance(told.get("id_token"), str):
        raise Unreachable(f"{provider.name} sent no ID token")
    return told["id_token"]


def _claims(provider: Provider, token: str, nonce: str) -> Mapping[str, Any]:
    """What a token says, its signature, issuer, audience, time and nonce checked."""
    import jwt

    try:
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(_asked("GET", provider.keys))).keys}
        name = jwt.get_unverified_header(token).get("kid")
        key = keys[name] if name in keys or len(keys) != 1 else next(iter(keys.values()))
        claims = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=provider.client,
            issuer=provider.issuer,
            leeway=60,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, KeyError) as error:
        raise Forbidden(f"what {provider.name} says of you cannot be verified") from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Forbidden(f"what {provider.name} says of you belongs to another sign-in")
    return claims


def _asked(method: str, url: str, **more: Any) -> Mapping[str, Any]:
    import httpx2

    try:
        answer = httpx2.request(method, url, timeout=10, **more)
        told = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Unreachable(f"{urlsplit(url).hostname} cannot be asked") from error
    if not isinstance(told, dict):
        raise Unreachable(f"{urlsplit(url).hostname} answers nonsense")
    return told
