"""Listening on an address."""

import socket

from posttrain.errors import InputError

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
