"""The mock LLM as the real upstream of a test: on a socket, in the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

from llmchat.mock.answer import Token, compose
from llmchat.mock.ledger import Ledger, RequestRecord
from llmchat.mock.options import Options
from llmchat.mock.server import MockServer
from llmchat.mock.websocket import MESSAGE
from tests.raw_http import PATIENCE_SECONDS

OptionValue = str | int | float
ENDLESS = frozenset({"no-headers", "silence-before", "silence", "pings", "keepalive-chunks"})
"""Kinds of failure that only their clients end."""
ASKED_AT = ("/chat/completions", "/api/chat", "/messages")


@dataclass(frozen=True, slots=True)
class Upstream:
    server: MockServer

    @property
    def base_url(self) -> str:
        return self.server.base_url

    @property
    def root_url(self) -> str:
        return self.server.root_url

    @property
    def websocket_url(self) -> str:
        return self.server.websocket_url

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger

    @property
    def completions(self) -> Sequence[RequestRecord]:
        """The requests for an answer in any dialect, oldest first: retries are visible here. Those
        over a WebSocket are its messages, and not its handshakes."""
        return [
            record
            for record in self.ledger.records
            if record.path.endswith(ASKED_AT) or record.method == MESSAGE
        ]

    @property
    def handshakes(self) -> Sequence[RequestRecord]:
        """The requests to become a WebSocket, oldest first."""
        return [record for record in self.ledger.records if "upgrade" in record.headers]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.ledger.until(condition)

    async def client_gone(self, attempt: int = 0) -> RequestRecord:
        """Waits until the client of one completion has left before the end of the answer."""
        return await self._when(attempt, lambda record: record.client_gone)

    async def tokens_sent(self, count: int, attempt: int = 0) -> RequestRecord:
        """Waits until one completion has begun and sent so many tokens."""
        return await self._when(attempt, lambda record: record.tokens_sent >= count)

    async def _when(
        self, attempt: int, condition: Callable[[RequestRecord], bool]
    ) -> RequestRecord:
        await self.until(lambda: any(map(condition, self.completions[attempt : attempt + 1])))
        return self.completions[attempt]


@asynccontextmanager
async def mock_upstream(**defaults: OptionValue) -> AsyncIterator[Upstream]:
    """An upstream whose answers look as the options say, unless a request's own model differs."""
    async with MockServer(Options.model_validate(defaults)) as server:
        yield Upstream(server)


def mock_model(name: str = "story", **options: OptionValue) -> str:
    """A model string with options: `mock_model(tokens=9, fail="cut")`."""
    return f"{name}?{urlencode(options)}" if options else name


def answer_text(**options: OptionValue) -> str:
    """The whole answer to such a model string; unpaired surrogates, being no text, as U+FFFD."""
    pieces = compose(Options.model_validate(options))
    answer = (piece for piece in pieces if isinstance(piece, Token) and piece.channel == "answer")
    utf16 = "".join(token.text for token in answer).encode("utf-16-le", "surrogatepass")
    return utf16.decode("utf-16-le", "replace")
