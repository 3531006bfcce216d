"""The OpenID Connect provider: its configuration, its token endpoint, and the verification of ID tokens."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from posttrain.annotate.problems import Forbidden, Problem
from posttrain.errors import InputError

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signature algorithms that are accepted; all of them use a public key."""


class Unreachable(Problem):
    """The provider does not answer, or its answer is malformed."""

    status = 502


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider.

    Args:
        issuer: the provider's URL.
        client: the app's client id.
        secret: the app's client secret; empty for a public client.
        authorize: the authorization endpoint, to which browsers are sent.
        token: the token endpoint, where codes are exchanged.
        keys: the URL of the provider's public keys.
    """

    issuer: str
    client: str
    secret: str
    authorize: str
    token: str
    keys: str

    @property
    def name(self) -> str:
        """The provider's name for people: its host."""
        return urlsplit(self.issuer).hostname or self.issuer


def discover(issuer: str, client: str, secret: str) -> Provider:
    """Read a provider's endpoints from its configuration.

    Raises:
        InputError: the provider does not answer, or its configuration names another issuer.
    """
    try:
        import jwt  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError as error:
        raise InputError("--oidc: needs a further library; pip install 'posttrain[oidc]'") from error
    place = urlsplit(issuer)
    if place.scheme != "https" and not (place.scheme == "http" and place.hostname in ("127.0.0.1", "localhost")):
        raise InputError(f"--oidc {issuer}: must be an https:// URL")
    try:
        configuration = _fetch_json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        places = [str(configuration[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    except (Unreachable, KeyError) as error:
        raise InputError(f"--oidc {issuer}: does not answer as an OpenID Connect provider ({error})") from error
    if configuration.get("issuer") != issuer:
        named = configuration.get("issuer")
        raise InputError(f"--oidc {issuer}: its configuration names the issuer {named}; give that URL if it is right")
    return Provider(issuer, client, secret, *places)


def exchange_code(provider: Provider, code: str, verifier: str, back: str) -> str:
    """Exchange an authorization code for an ID token.

    Raises:
        Unreachable: the provider does not answer, or sends no ID token.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    if provider.secret:
        answer = _fetch_json("POST", provider.token, data=form, auth=(provider.client, provider.secret))
    else:
        answer = _fetch_json("POST", provider.token, data={**form, "client_id": provider.client})
    if not isinstance(answer.get("id_token"), str):
        raise Unreachable(f"{provider.name} sent no ID token")
    return answer["id_token"]


def verified_claims(provider: Provider, token: str, nonce: str) -> Mapping[str, Any]:
    """The claims of an ID token, after a check of signature, issuer, audience, time and nonce.

    Raises:
        Forbidden: a check fails.
    """
    import jwt

    try:
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(_fetch_json("GET", provider.keys))).keys}
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
        raise Forbidden(f"the ID token of {provider.name} cannot be verified") from error
    if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Forbidden(f"the ID token of {provider.name} belongs to another sign-in")
    return claims


def _fetch_json(method: str, url: str, **more: Any) -> Mapping[str, Any]:
    try:
        answer = httpx2.request(method, url, timeout=10, **more)
        content = answer.raise_for_status().json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Unreachable(f"{urlsplit(url).hostname} cannot be reached") from error
    if not isinstance(content, dict):
        raise Unreachable(f"{urlsplit(url).hostname} does not answer with a JSON object")
    return content
