"""Small signed texts: what this service said to a client, and recognises when it comes back."""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import orjson

_MOST_CHARS = 1024


class Signer:
    """Signs with HMAC-SHA-256 under the service's own secret. What is signed for one `purpose` is
    nothing for another, and after its time nothing at all.

    The form is `claims.signature`, both base64url without padding, the claims a JSON object.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, purpose: str, claims: dict[str, str], *, seconds: float) -> str:
        body = _encoded(orjson.dumps({**claims, "exp": time.time() + seconds}))
        return f"{body}.{_encoded(self._signature(purpose, body))}"

    def read(self, purpose: str, text: str) -> dict[str, str] | None:
        """The claims; None for what this service has not signed, or not for this, or too long
        ago."""
        body, _, signature = text[:_MOST_CHARS].partition(".")
        expected = _encoded(self._signature(purpose, body))
        # As bytes: it takes no other text than ASCII.
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return None
        claims = orjson.loads(_decoded(body))
        expires_at: float = claims.pop("exp")
        return claims if time.time() < expires_at else None

    def _signature(self, purpose: str, body: str) -> bytes:
        signed = f"{purpose}:{body}".encode("utf-8", "replace")
        return hmac.digest(self._secret, signed, sha256)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
