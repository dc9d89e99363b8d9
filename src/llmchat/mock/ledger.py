"""What the mock was asked, how much it sent, and when its clients left."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from llmchat.mock.http1 import Request

RECORDS_KEPT = 10_000


@dataclass(slots=True)
class RequestRecord:
    """One request; times are the event loop's, which on Linux all processes of a machine share."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    started_at: float
    tokens_asked: int = 0
    """Of the prompt, once the model has read it."""
    tokens_sent: int = 0
    client_gone_at: float | None = None
    ended_at: float | None = None
    finished: bool = False
    """The response was ended as HTTP wants it, whatever it said."""

    @property
    def client_gone(self) -> bool:
        return self.client_gone_at is not None

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": self.body,
            "started_at": self.started_at,
            "tokens_asked": self.tokens_asked,
            "tokens_sent": self.tokens_sent,
            "client_gone": self.client_gone,
            "client_gone_at": self.client_gone_at,
            "ended_at": self.ended_at,
            "finished": self.finished,
        }


@dataclass(slots=True)
class ResponseRecord:
    """One answer that is kept, whoever reads it."""

    id: str
    model: str
    status: str = "queued"
    tokens: int = 0
    """How many were written, also those that were sent to nobody."""
    cancels: int = 0
    """How often somebody asked for its end."""


@dataclass(slots=True)
class Ledger:
    records: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=RECORDS_KEPT))
    responses: list[ResponseRecord] = field(default_factory=list)
    total: int = 0
    _waiters: list[asyncio.Event] = field(default_factory=list)

    @contextmanager
    def open(self, request: Request) -> Iterator[RequestRecord]:
        """Keeps the record of a request for as long as it is being answered."""
        clock = asyncio.get_running_loop().time
        record = RequestRecord(
            request.method, request.path, dict(request.headers), json_object(request.body), clock()
        )
        self.records.append(record)
        self.total += 1
        self.changed()
        try:
            yield record
        except ConnectionError:
            self.client_left(record)
            raise
        finally:
            record.ended_at = clock()
            self.changed()

    def token_sent(self, record: RequestRecord) -> None:
        record.tokens_sent += 1
        self.changed()

    def client_left(self, record: RequestRecord) -> None:
        record.client_gone_at = asyncio.get_running_loop().time()
        self.changed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds, looking again whenever a record changes."""
        while not condition():
            changed = asyncio.Event()
            self._waiters.append(changed)
            await changed.wait()

    def as_json(self) -> dict[str, Any]:
        return {
            "now": asyncio.get_running_loop().time(),
            "total": self.total,
            "records": [record.as_json() for record in self.records],
            "responses": [asdict(record) for record in self.responses],
        }

    def changed(self) -> None:
        """Let those look again who wait for something."""
        while self._waiters:
            self._waiters.pop().set()


def json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
