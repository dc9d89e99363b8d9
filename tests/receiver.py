"""A service that is told by webhooks: on a socket, it checks signatures as receivers do."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.raw_http import PATIENCE_SECONDS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="


@dataclass
class Receiver:
    """`answers` are the statuses of the next requests, then 204; `taken` are the messages that
    were answered so, by their ids, in order; `ids` all that came."""

    port: int
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=llmchat"

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        message = Webhook(SECRET).verify(body, headers)
        with self.changed:
            self.ids.append(headers["webhook-id"])
            self.hosts.append(headers["host"])
            status, more = self.answers.pop(0) if self.answers else (204, {})
            if status < 300:
                self.taken[headers["webhook-id"]] = json.loads(body)
                assert message == self.taken[headers["webhook-id"]]
            self.changed.notify_all()
        return status, more

    def until(self, count: int) -> list[dict[str, Any]]:
        """The messages, when so many were taken."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.taken) >= count, PATIENCE_SECONDS), self
            return list(self.taken.values())

    def asked(self, count: int) -> list[str]:
        """The ids, when so many requests came."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ids) >= count, PATIENCE_SECONDS), self
            return list(self.ids)


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, more = receiver.take({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        receiver = Receiver(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
