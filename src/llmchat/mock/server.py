"""The mock LLM server: a socket, its connections, and which route answers what."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from llmchat.mock import anthropic, ollama, openai, responses, websocket
from llmchat.mock.background import RESPONSE_KINDS, KeptResponses
from llmchat.mock.behaviour import Behaviour
from llmchat.mock.exchange import Call
from llmchat.mock.faults import KINDS, forever
from llmchat.mock.http1 import JSON, Refusal, Request, Response, read_request
from llmchat.mock.ledger import Ledger, RequestRecord
from llmchat.mock.openai_wire import error_json, to_json
from llmchat.mock.options import Options
from llmchat.mock.websocket_faults import SOCKET_KINDS
from llmchat.tasks import TaskSet, cancel

Route = Callable[[Call], Awaitable[None]]
ReadAhead = asyncio.Task[Request | Refusal | None]

# Another dialect is a module beside openai.py and its lines here.
ROUTES: dict[str, dict[str, Route]] = {
    "/v1/chat/completions": {"POST": openai.chat_completions},
    "/v1/models": {"GET": openai.models},
    "/v1/messages": {"POST": anthropic.messages},
    "/api/chat": {"POST": ollama.chat},
    "/api/tags": {"GET": ollama.tags},
    "/v1/responses": {"POST": responses.create},
    "/v1/responses/{id}": {"GET": responses.retrieve},
    "/v1/responses/{id}/cancel": {"POST": responses.cancel},
    "/ws": {"GET": websocket.handshake},
    "/chat": {"GET": websocket.handshake},
}
LEDGER_PATH = "/mock/ledger"


class MockServer:
    """Serves from `async with` on until it is left; then no task and no socket of it remains."""

    def __init__(
        self, options: Options | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        """Raises BadOptionError when the options name an unknown kind of failure."""
        self.ledger = Ledger()
        kinds = KINDS | RESPONSE_KINDS | SOCKET_KINDS
        self._behaviour = Behaviour(options or Options(), kinds)
        self._host = host
        self._port = port
        self._tasks = TaskSet()
        self._kept = KeptResponses(self.ledger, self._tasks)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        while len(self._tasks):
            await self._tasks.cancel_all()
        await self._server.wait_closed()

    @property
    def root_url(self) -> str:
        """What a client of Ollama takes as its base URL."""
        return f"http://{self._address}"

    @property
    def base_url(self) -> str:
        """What a client of OpenAI or Anthropic takes as its base URL."""
        return f"{self.root_url}/v1"

    @property
    def websocket_url(self) -> str:
        return f"ws://{self._address}/ws"

    @property
    def _address(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = self._tasks.start(self._converse(reader, writer), name="mock connection")
        # A task that was cancelled, perhaps before its first line, has left the socket open.
        connection.add_done_callback(lambda _: writer.transport.abort())

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upcoming = self._read_ahead(reader)
        with suppress(ConnectionError):
            try:
                while isinstance(request := await upcoming, Request):
                    upcoming = self._read_ahead(reader)
                    response = await self._answer(request, writer, upcoming)
                    if response.switched:
                        await cancel(upcoming)
                        await websocket.converse(
                            reader,
                            writer,
                            request,
                            self.ledger,
                            self._behaviour,
                            self._kept,
                            self._tasks,
                        )
                    if response.switched or not is_reusable(response, request):
                        break
                if isinstance(request, Refusal):
                    body = to_json(error_json(request.status, request.reason))
                    await Response(writer).send_whole(request.status, JSON, body)
            finally:
                upcoming.cancel()
            writer.close()
            await writer.wait_closed()

    def _read_ahead(self, reader: asyncio.StreamReader) -> ReadAhead:
        """Reads on while a request is being answered: only so is a client seen that leaves."""
        return self._tasks.start(read_request(reader), name="mock read-ahead")

    async def _answer(
        self, request: Request, writer: asyncio.StreamWriter, upcoming: ReadAhead
    ) -> Response:
        response = Response(writer, {"x-request-id": f"req_{uuid4().hex}"})
        if request.path == LEDGER_PATH:
            await response.send_whole(200, JSON, to_json(self.ledger.as_json()))
        else:
            await self._answer_on_record(request, response, upcoming)
        return response

    async def _answer_on_record(
        self, request: Request, response: Response, upcoming: ReadAhead
    ) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        with self.ledger.open(request) as record:
            upcoming.add_done_callback(partial(self._end_of_input, record, connection))
            route, name = route_of(request)
            call = Call(request, response, record, self.ledger, self._behaviour, self._kept, name)
            await route(call)
            record.finished = response.ended

    def _end_of_input(
        self, record: RequestRecord, connection: asyncio.Task[Any], upcoming: ReadAhead
    ) -> None:
        if record.ended_at is None and not upcoming.cancelled() and upcoming.result() is None:
            self.ledger.client_left(record)
            connection.cancel()


def is_reusable(response: Response, request: Request) -> bool:
    """Whether another request may follow on this connection."""
    return response.ended and request.headers.get("connection", "").lower() != "close"


def route_of(request: Request) -> tuple[Route, str]:
    """The route, and the id in the path if there is one."""
    for template, methods in ROUTES.items():
        before, _, behind = template.partition("{id}")
        path = re.fullmatch(f"{re.escape(before)}(?P<id>[^/]+){re.escape(behind)}", request.path)
        if path is not None and "{id}" in template:
            return _route_in(methods, request), path["id"]
        if template == request.path:
            return _route_in(methods, request), ""
    missing = partial(openai.send_error, status=404, message=f"no such path: {request.path}")
    return missing, ""


def _route_in(methods: dict[str, Route], request: Request) -> Route:
    return methods.get(request.method, partial(openai.send_error, status=405))


async def serve(
    host: str, port: int, options: Options, *, on_ready: Callable[[str], object]
) -> None:
    """Serves until cancelled; `on_ready` is told the base URL once the socket listens."""
    async with MockServer(options, host=host, port=port) as server:
        on_ready(server.base_url)
        await forever()
