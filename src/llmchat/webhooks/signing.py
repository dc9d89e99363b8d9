"""Signatures that the receivers of webhooks check.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence


def signed_headers(
    secrets: Sequence[bytes], *, id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """The three headers of a message that is sent at `timestamp`, seconds since the epoch."""
    text = b".".join([id.encode(), str(timestamp).encode(), body])
    digests = (hmac.new(secret, text, hashlib.sha256).digest() for secret in secrets)
    signatures = (f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
