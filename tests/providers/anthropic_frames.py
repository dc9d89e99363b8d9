"""The events of Anthropic's Messages API as bytes."""

import json
from typing import Any


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\n%b" % (kind.encode(), frame({"type": kind, **members}))


def frame(value: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(value).encode()


def delta(index: int = 0, **members: Any) -> bytes:
    return event("content_block_delta", index=index, delta=members)


def piece(text: str) -> bytes:
    return delta(type="text_delta", text=text)


def block(index: int, **members: Any) -> bytes:
    return event("content_block_start", index=index, content_block=members)


def stopped(reason: str | None = "end_turn", /, **usage: Any) -> bytes:
    return event("message_delta", delta={"stop_reason": reason}, usage=usage)


STOP = event("message_stop")
PING = event("ping")
