"""The app as a process of its own (`posttrain annotate serve`) or in a background thread."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from uvicorn import Config, Server

from posttrain.annotate.db.store import now, open_store, writing
from posttrain.annotate.people.invitations import invite_first_owner
from posttrain.annotate.web.app import make_app
from posttrain.annotate.web.oidc_provider import discover
from posttrain.annotate.web.sections import Section
from posttrain.errors import InputError
from posttrain.listen import LOOPBACK, in_background, listen, url_of

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

OIDC_SECRET = "POSTTRAIN_OIDC_SECRET"


def serve_app(
    db: str,
    host: str,
    port: int,
    *,
    secure: bool,
    proxy: str | None,
    oidc: str | None,
    oidc_client: str | None,
    announce: Callable[[str], None],
    sections: Sequence[Section] = (),
) -> None:
    """Serve the app until it is stopped.

    Args:
        proxy: address of a proxy whose `X-Forwarded-For` is trusted; None trusts no such header.
        oidc: issuer of an OpenID Connect provider with which people may sign in.
        oidc_client: the app's client id at the provider; the secret is in the environment (`OIDC_SECRET`).
        announce: receives the app's URL, and a link to sign up as the owner while there is no owner.
        sections: further parts of the app.

    Raises:
        InputError: the address is in use or not available.
    """
    if (oidc is None) != (oidc_client is None):
        raise InputError("--oidc and --oidc-client go together: the provider's URL, and the app's client id there")
    if proxy is not None:
        _check_address(proxy)
    provider = discover(oidc, oidc_client, os.environ.get(OIDC_SECRET, "")) if oidc and oidc_client else None
    engine = open_store(db)
    listener = listen(host, port)
    url = url_of(host, listener)
    if (path := _owner_path(engine)) is not None:
        announce(f"Sign up as the owner: {url}{path}")
    for section in sections:
        announce(f"{section.title}: {url}{section.path}")
    announce(f"The ranking app is at {url}; stop it with Ctrl-C.")
    _server(make_app(engine, secure=secure, provider=provider, sections=sections), proxy).run(sockets=[listener])


@contextmanager
def serving(db: str, sections: Sequence[Section] = ()) -> Generator[str]:
    """Serve in a background thread, on a free port of loopback, for the length of a `with` block.

    Yields:
        a link to sign up as the owner, or the app's URL if there is an owner.
    """
    engine = open_store(db)
    try:
        with in_background(_server(make_app(engine, sections=sections)), listen(LOOPBACK, 0)) as url:
            yield f"{url}{_owner_path(engine) or '/'}"
    finally:
        engine.dispose()


def _owner_path(engine: Engine) -> str | None:
    """The path of an invitation for the first owner; None if there is an owner."""
    with writing(engine) as connection:
        secret = invite_first_owner(connection, now())
    return None if secret is None else f"/join/{secret}"


def _check_address(proxy: str) -> None:
    try:
        ip_network(proxy)
    except ValueError as error:
        raise InputError(
            f"--proxy {proxy}: must be an address or a network, such as 127.0.0.1 or 10.0.0.0/8"
        ) from error


def _server(app: "FastAPI", proxy: str | None = None) -> "Server":
    trusted = proxy or []  # None would be uvicorn's default, which trusts every process of this machine
    return Server(
        Config(
            app,
            log_level="warning",
            server_header=False,
            proxy_headers=proxy is not None,
            forwarded_allow_ips=trusted,
            timeout_graceful_shutdown=5,
        )
    )
