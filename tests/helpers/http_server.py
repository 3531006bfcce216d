"""A real HTTP server that replies with chat completions, correctly, late, wrongly, or not at all."""

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[["Endpoint", dict[str, Any]], None]
"""A step of a server's script: it replies to one request, given its body."""


class Endpoint(BaseHTTPRequestHandler):
    """Replies by the server's `script`, whose last step repeats, and records the requests."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server: Any = self.server
        with server.lock:
            server.requests.append((self.path, self.headers.get("Authorization"), body))
            step = server.script[min(len(server.requests), len(server.script)) - 1]
        try:
            step(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def reply(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Generator[Any]:
    """A server at `.url`. Set its `script`; read its `requests`: (path, authorization, body) of each."""
    with listening(Endpoint, lock=threading.Lock(), requests=[], script=[]) as httpd:
        httpd.url += "/v1"
        yield httpd


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], **state: Any) -> Generator[Any]:
    """A server at `.url` in a thread of its own, with attributes for its handler."""
    httpd: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    vars(httpd).update(state, url=f"http://127.0.0.1:{httpd.server_address[1]}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield httpd
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def completion(*texts: str | None, finish: str | None = "stop") -> str:
    """The body of a reply with these choices."""
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": finish} for text in texts]})


def says(*texts: str | None, finish: str | None = "stop") -> Reply:
    return lambda endpoint, body: endpoint.reply(200, completion(*texts, finish=finish))


def status(code: int, text: str = "busy", **headers: str) -> Reply:
    return lambda endpoint, body: endpoint.reply(code, text, **headers)


def silent(endpoint: Endpoint, body: dict[str, Any]) -> None:
    time.sleep(1)


def drip(endpoint: Endpoint, body: dict[str, Any]) -> None:
    endpoint.send_response(200)
    endpoint.send_header("Content-Length", "1000")
    endpoint.end_headers()
    for _ in range(100):
        endpoint.wfile.write(b" ")
        endpoint.wfile.flush()
        time.sleep(0.05)


def hang_up(endpoint: Endpoint, body: dict[str, Any]) -> None:
    endpoint.close_connection = True
    endpoint.connection.close()


def cut_short(endpoint: Endpoint, body: dict[str, Any]) -> None:
    endpoint.send_response(200)
    endpoint.send_header("Content-Length", "1000")
    endpoint.end_headers()
    endpoint.wfile.write(b'{"choices": [')
    endpoint.close_connection = True


class Crowd:
    """Replies after a while; `most` is the largest number of requests at the same time."""

    def __init__(self, step: Reply) -> None:
        self.step, self.lock, self.here, self.most = step, threading.Lock(), 0, 0

    def __call__(self, endpoint: Endpoint, body: dict[str, Any]) -> None:
        with self.lock:
            self.here += 1
            self.most = max(self.most, self.here)
        time.sleep(0.1)
        with self.lock:
            self.here -= 1
        self.step(endpoint, body)
