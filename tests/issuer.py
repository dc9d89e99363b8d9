"""An OpenID issuer on a socket, with keys of its own, that answers what a test wants."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.raw_http import PATIENCE_SECONDS

AUDIENCE = "https://chat.example.com"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(which: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same for the same number: making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def jwk_of(private: Private, kid: str | None, **members: Any) -> dict[str, Any]:
    shown = _public(private)
    return shown | ({} if kid is None else {"kid": kid}) | members


def _public(private: Private) -> dict[str, Any]:
    match private:
        case rsa.RSAPrivateKey():
            return dict(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True))
        case ec.EllipticCurvePrivateKey():
            return dict(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True))
        case _:
            return dict(jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key(), as_dict=True))


@dataclass
class Issuer:
    """`answers` replaces the body of a path; `requests` are the paths it was asked for."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    status: int = 200
    held: Event = field(default_factory=Event)
    """Answers wait until it is set."""
    asked: Event = field(default_factory=Event)
    """Set by the first request."""

    @property
    def fetches(self) -> int:
        return self.requests.count("/jwks")

    def body(self, path: str) -> bytes:
        if path in self.answers:
            return self.answers[path]
        if path == "/jwks":
            return json.dumps({"keys": self.keys}).encode()
        known = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return json.dumps(known | self.document).encode()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Of a token that is good for five minutes; None takes a claim away."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300}
        return {name: it for name, it in (usual | changed).items() if it is not None}

    def token(
        self,
        key: Any = None,
        *,
        algorithm: str = "RS256",
        headers: dict[str, Any] | None = None,
        **changed: Any,
    ) -> str:
        """Signed with the first key, which is called `first`, unless said otherwise."""
        signer = rsa_key(0) if key is None else key
        sent = {"kid": "first"} if headers is None else headers
        return jwt.encode(self.claims(**changed), signer, algorithm, headers=sent)


@contextmanager
def issuing(port: int = 0) -> Iterator[Issuer]:
    """An issuer with one RSA key, called `first`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            issuer.asked.set()
            issuer.held.wait(PATIENCE_SECONDS)
            body = issuer.body(self.path)
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                # The client had enough of it.
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Not on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        issuer.held.set()
        issuer.keys.append(jwk_of(rsa_key(0), "first"))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield issuer
        finally:
            issuer.held.set()
            server.shutdown()
            thread.join()
