"""A hub over HTTP with the calls that an upload by huggingface_hub makes: repositories, large files, commits."""

import base64
import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from huggingface_hub import constants

from http_server import listening

OWNERS = {"hf_writes": "org", "hf_reads": ""}
"""Token → the owner whose repositories it may write."""

LARGE = (".safetensors", ".gguf")
"""Endings of files that are stored apart from the commit."""


@dataclass
class Repository:
    """A repository: its files as the last commit left them."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)


class Hub(BaseHTTPRequestHandler):
    """Serves the server's `repositories` and records its `requests`: (method, path, token)."""

    def do_GET(self) -> None:
        self.handled("GET", b"")

    def do_POST(self) -> None:
        self.handled("POST", self.body())

    def do_PUT(self) -> None:
        self.handled("PUT", self.body())

    def handled(self, method: str, body: bytes) -> None:
        server: Any = self.server
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        path = self.path.split("?")[0]
        server.requests.append((method, path, token))
        if path.startswith("/large/"):  # a signed address, without a token
            server.large[hashlib.sha256(body).hexdigest()] = body
            return self.reply(200, {})
        if token not in OWNERS:
            return self.reply(401, {"error": "Invalid credentials in Authorization header"})
        answer = self.answer(server, OWNERS[token], path, body)
        return self.reply(*answer)

    def answer(self, server: Any, owner: str, path: str, body: bytes) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        match parts:
            case ["api", "validate-yaml"]:
                return 200, {"errors": [], "warnings": []}
            case ["api", "repos", "create"]:
                wanted = json.loads(body)
                name = f"{wanted['organization']}/{wanted['name']}"
                if wanted["organization"] != owner:
                    return 403, {"error": "You don't have the rights to create a model under this namespace"}
                server.repositories[name] = Repository(wanted.get("visibility") == "private")
                return 200, {"url": f"{server.url}/{name}"}
            case ["api", "models", org, name, *rest]:
                return self.about(server, f"{org}/{name}", rest, body)
            case [org, name, "info", "lfs", "objects", "batch"]:
                wanted = json.loads(body)["objects"]
                actions = [
                    {**one, "actions": {"upload": {"href": f"{server.url}/large/{one['oid']}"}}} for one in wanted
                ]
                return 200, {"transfer": "basic", "objects": actions}
            case _:
                return 500, {"error": f"no such call: {path}"}

    def about(self, server: Any, name: str, rest: list[str], body: bytes) -> tuple[int, Any]:
        repository = server.repositories.get(name)
        if repository is None:
            return 404, {"error": "Repository not found"}
        if not rest:
            return 200, {"id": name, "private": repository.private, "siblings": []}
        if rest[0] == "preupload":
            paths = [file["path"] for file in json.loads(body)["files"]]
            modes = ["lfs" if path.endswith(LARGE) else "regular" for path in paths]
            files = [{"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in zip(paths, modes, strict=True)]
            return 200, {"files": files}
        assert rest[0] == "commit"
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = server.large[value["oid"]]
        return 200, {"commitUrl": f"{server.url}/{name}/commit/1", "commitOid": "1" * 40}

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status: int, value: Any) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def hub(monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """A hub at `.url` that huggingface_hub uses, with a token that may write to `org`. See its `repositories`."""
    with listening(Hub, requests=[], repositories={}, large={}) as httpd:
        # huggingface_hub reads its environment once, when it is imported.
        monkeypatch.setattr(constants, "ENDPOINT", httpd.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_writes")
        yield httpd
