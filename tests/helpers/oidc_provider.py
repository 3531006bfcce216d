"""An OpenID Connect provider on loopback for tests; a test sets its claims and keys."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "posttrain", "a client's secret"


def new_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """`claims` are those of the next sign-in; `key` and `algorithm` sign them; `published` is the published key."""

    url: str
    claims: dict[str, Any] = field(default_factory=dict)
    key: Any = field(default_factory=new_key)
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())) | {"kid": "k1"}

    def configuration(self) -> dict[str, str]:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in places.items()}}

    def authorize(self, request: dict[str, str]) -> str:
        """The redirect address, as if the person had signed in."""
        assert (request["response_type"], request["client_id"]) == ("code", CLIENT)
        code = f"code-{len(self.codes)}"
        self.codes[code] = request
        return f"{request['redirect_uri']}?{urlencode({'code': code, 'state': request['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, str]:
        request = self.codes.pop(form["code"])
        assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == f"{CLIENT}:{SECRET}"
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == request["code_challenge"], "PKCE"
        assert form["redirect_uri"] == request["redirect_uri"]
        at = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": at, "exp": at + 300, "nonce": request["nonce"], **self.claims}
        return {"id_token": jwt.encode(claims, self.key, self.algorithm, headers={"kid": "k1"})}


@contextmanager
def provider() -> Generator[Provider]:
    """A provider that listens on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            if place.path == "/authorize":
                self.send_response(303)
                request = {name: values[0] for name, values in parse_qs(place.query).items()}
                self.send_header("Location", found.authorize(request))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._say(found.configuration() if "well-known" in place.path else {"keys": [found.published]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(found.token(form, self.headers.get("Authorization", "")))

        def _say(self, content: Any) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
