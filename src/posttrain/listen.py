"""Listening on an address, and a server in a background thread."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from posttrain.errors import InputError

if TYPE_CHECKING:
    from uvicorn import Server

LOOPBACK = "127.0.0.1"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        InputError: the address is in use or not available.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(f"--host {host} --port {port}: cannot be listened on ({error.strerror})") from error


def url_of(host: str, listener: socket.socket) -> str:
    """The URL of an address."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


@contextmanager
def in_background(server: "Server", listener: socket.socket) -> Generator[str]:
    """Run a server in a background thread for the length of a `with` block.

    Args:
        listener: a socket on loopback.

    Yields:
        the server's URL.
    """
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield url_of(LOOPBACK, listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
