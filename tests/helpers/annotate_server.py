"""The ranking app as users start it: a separate process, which tests can kill and restart."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import httpx2

PASSWORD = "a long enough password"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Server:
    """The app on a database; `owner_link` is the path that it printed at its first start."""

    where: str
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: Any = None
    owner_link: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "posttrain", "annotate", "serve", "--db", self.where, "--port", str(self.port)]
        command += self.options
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if found := re.search(r"(/join/\S+)", line):
                self.owner_link = found[1]
            if "The ranking app is at" in line:
                break
        else:
            raise AssertionError("the server did not start")
        Thread(target=self.process.stdout.read, daemon=True).start()  # whatever it still says must not block it
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                httpx2.get(f"{self.url}/login")
                return
            except httpx2.TransportError:
                time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running(where: str, *options: str) -> Generator[Server]:
    server = Server(where, options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Client:
    """A client of the API with a person's session."""

    def __init__(self, server: Server, name: str, link: str | None = None) -> None:
        self.http = httpx2.Client(base_url=server.url, timeout=60)
        if link is not None:
            answer = self.http.post(link, data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        answer = self.http.post("/api/v1/sessions", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.http.post(f"/api/v1{path}", json=body, **more)

    def get(self, path: str) -> Any:
        return self.http.get(f"/api/v1{path}")

    def invite(self, server: Server, name: str, role: str = "annotator") -> "Client":
        return Client(server, name, self.link(role))

    def link(self, role: str = "annotator") -> str:
        return str(self.post("/invitations", {"role": role}).json()["path"])


def owner_of(server: Server) -> Client:
    return Client(server, "owen", server.owner_link)


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    import json

    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
