"""JSON that is one line for every client, as the frames of a stream have to be."""

from typing import Any

import orjson


def line_json(value: Any) -> bytes:
    """JSON without the characters at which careless clients (Python's `splitlines`, and so most of
    its HTTP clients) break a line in two: NEL, LINE SEPARATOR, PARAGRAPH SEPARATOR."""
    data = orjson.dumps(value)
    if data.isascii():
        return data
    return (
        data.replace(b"\xc2\x85", b"\\u0085")
        .replace(b"\xe2\x80\xa8", b"\\u2028")
        .replace(b"\xe2\x80\xa9", b"\\u2029")
    )
