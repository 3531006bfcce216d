"""The app as a process of its own (`posttrain annotate serve`), or in the background of another."""

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import ip_network
from threading import Thread
from typing import TYPE_CHECKING

import typer
from sqlalchemy import Engine

from posttrain.annotate.db.store import now, open_store, writing
from posttrain.annotate.people.invitations import invite_first_owner
from posttrain.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

OIDC_SECRET = "POSTTRAIN_OIDC_SECRET"
LOOPBACK = "127.0.0.1"


def serve_app(
    db: str, host: str, port: int, *, secure: bool, proxy: str | None, oidc: str | None, oidc_client: str | None
) -> None:
    """Serve until stopped; while there is no owner, print a link to become one.

    Args:
        proxy: address of a proxy whose `X-Forwarded-For` is believed; without one nobody's is.
        oidc: issuer of an OpenID Connect provider, where people may sign in.
        oidc_client: what the app is called there; its secret is in the environment (`OIDC_SECRET`).

    Raises:
        InputError: the place is taken, or cannot be listened on.
    """
    from posttrain.annotate.web.app import make_app
    from posttrain.annotate.web.oidc import discover

    if (oidc is None) != (oidc_client is None):
        raise InputError("--oidc and --oidc-client go together: the provider's URL, and what the app is called there")
    if proxy is not None:
        _check_address(proxy)
    provider = discover(oidc, oidc_client, os.environ.get(OIDC_SECRET, "")) if oidc and oidc_client else None
    engine = open_store(db)
    listener = _listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if (path := _owner_path(engine)) is not None:
        typer.echo(f"Sign up as the owner: {url}{path}")
    typer.echo(f"The ranking app is at {url}; stop it with Ctrl-C.")
    _server(make_app(engine, secure=secure, provider=provider), proxy).run(sockets=[listener])


@contextmanager
def serving(db: str) -> Generator[str]:
    """Serve in the background, on a free port of loopback, as long as this is open.

    Yields:
        where to begin: a link to sign up as the owner, or the app itself once there is one.
    """
    from posttrain.annotate.web.app import make_app

    engine = open_store(db)
    listener = _listen(LOOPBACK, 0)
    server = _server(make_app(engine))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}{_owner_path(engine) or '/'}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        engine.dispose()


def _owner_path(engine: Engine) -> str | None:
    """An invitation for the first owner; None if there is one."""
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


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: cannot be listened on ({error.strerror})") from error


def _server(app: "FastAPI", proxy: str | None = None) -> "Server":
    from uvicorn import Config, Server

    believed = proxy or []  # an empty list, since None would be uvicorn's own default: everybody on this machine
    return Server(
        Config(
            app, log_level="warning", server_header=False, proxy_headers=proxy is not None, forwarded_allow_ips=believed
        )
    )
