"""Starting the server: `posttrain serve`, or in a thread of this process."""

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from threading import Thread

from fastapi import FastAPI
from uvicorn import Config, Server

from posttrain.errors import InputError
from posttrain.listen import LOOPBACK, listen, url_of
from posttrain.serve.app import LOCAL_NAMES, make_app
from posttrain.serve.routes import Limits
from posttrain.serve.served import ServedModel

KEY = "POSTTRAIN_SERVE_KEY"
"""Environment variable with the key that clients must send."""


def serve_models(
    models: Mapping[str, ServedModel], host: str, port: int, limits: Limits, announce: Callable[[str], None]
) -> None:
    """Serve models until the process is stopped.

    Args:
        announce: receives the server's address.

    Raises:
        InputError: the address is not available, or is public without a key.
    """
    key = key_of(host)
    listener = listen(host, port)
    app = make_app(models, limits, key)
    announce(f"{url_of(host, listener)}/v1")
    try:
        _server(app).run(sockets=[listener])
    finally:
        app.state.server.requests.engine.close()


@contextmanager
def serving(models: Mapping[str, ServedModel], limits: Limits, key: str | None = None) -> Generator[str]:
    """Serve in a background thread, on a free port of loopback, for the length of a `with` block.

    Yields:
        the address of the API.
    """
    listener, app = listen(LOOPBACK, 0), make_app(models, limits, key)
    server = _server(app)
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"{url_of(LOOPBACK, listener)}/v1"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        app.state.server.requests.engine.close()


def key_of(host: str) -> str | None:
    """The key from the environment.

    Raises:
        InputError: there is none although the address is not loopback, or it cannot be a key.
    """
    key = os.environ.get(KEY, "").strip() or None
    if key is None and host not in LOCAL_NAMES:
        raise InputError(f"--host {host}: set {KEY} to a secret first, since other machines can reach this address")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InputError(f"{KEY}: holds characters that no key has")
    return key


def _server(app: FastAPI) -> Server:
    return Server(
        Config(app, log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=5)
    )
