"""Starting the server: `posttrain serve`, or in a thread of this process."""

import os
import socket
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from fastapi import FastAPI
from uvicorn import Config, Server

from posttrain.errors import InputError
from posttrain.listen import LOOPBACK, in_background, listen
from posttrain.serve.app import LOCAL_NAMES, make_server_app
from posttrain.serve.routes import ServerLimits
from posttrain.serve.served import ServedModel

KEY = "POSTTRAIN_SERVE_KEY"
"""Environment variable with the key that clients must send."""


def serve_models(
    models: Mapping[str, ServedModel],
    listener: socket.socket,
    key: str | None,
    limits: ServerLimits,
    announce: Callable[[], None],
) -> None:
    """Serve models until the process is stopped.

    Args:
        listener: the socket that clients connect to.
        key: what clients must send; None on loopback.
        announce: called when the server is ready.
    """
    app = make_server_app(models, limits, key)
    announce()
    try:
        _server(app).run(sockets=[listener])
    finally:
        app.state.server.requests.engine.close()


@contextmanager
def background_server(
    models: Mapping[str, ServedModel], limits: ServerLimits, key: str | None = None
) -> Generator[str]:
    """Serve in a background thread, on a free port of loopback, for the length of a `with` block.

    Yields:
        the address of the API.
    """
    app = make_server_app(models, limits, key)
    try:
        with in_background(_server(app), listen(LOOPBACK, 0)) as url:
            yield f"{url}/v1"
    finally:
        app.state.server.requests.engine.close()


def read_server_key(host: str) -> str | None:
    """The key from the environment.

    Raises:
        InputError: there is none although the address is not loopback, or it cannot be a key.
    """
    key = os.environ.get(KEY, "").strip() or None
    if key is None and host not in LOCAL_NAMES:
        raise InputError(f"--host {host}: set {KEY} to a secret first, since other machines can reach this address")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InputError(f"{KEY}: holds characters that no key has; use ASCII letters and digits")
    return key


def _server(app: FastAPI) -> Server:
    return Server(
        Config(app, log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=5)
    )
