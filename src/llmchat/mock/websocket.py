"""The custom WebSocket model: its handshake, and answers to any number of messages after it."""

import asyncio
from functools import partial
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from websockets.datastructures import Headers
from websockets.http11 import Request as SocketRequest
from websockets.server import ServerProtocol

from llmchat.mock.answer import Answer, Pace, compose_rest
from llmchat.mock.background import KeptResponses
from llmchat.mock.behaviour import Behaviour, ModelName, UnusableModelError, explained
from llmchat.mock.conversation import ChatMessage
from llmchat.mock.exchange import Call, Exchange
from llmchat.mock.faults import INSTEAD
from llmchat.mock.http1 import Request, pieces_of, write
from llmchat.mock.ledger import Ledger, RequestRecord
from llmchat.mock.openai import TokenLimit
from llmchat.mock.openai_wire import to_json
from llmchat.mock.options import Options
from llmchat.mock.quirks import QUIRKS, quirk_of
from llmchat.mock.streaming import generate, send_pieces, usage_of
from llmchat.mock.websocket_faults import QUIRKS_OF_BOTH, SOCKET_MIDWAY
from llmchat.mock.websocket_session import Answer as SocketAnswer
from llmchat.mock.websocket_session import Session
from llmchat.mock.websocket_wire import SocketFrames, error_json
from llmchat.tasks import TaskSet, cancel

MESSAGE = "MESSAGE"
"""The method of the record of a message; that of the handshake is GET."""
# With these, a handshake is as it should be, and the answer to a message is not.
NOT_IN_A_HANDSHAKE = frozenset({"silence-before", "error-200"})


class Settings(BaseModel):
    stream: bool = False
    max_tokens: TokenLimit | None = None


class Question(BaseModel):
    """What the mock heeds of a message; the ledger keeps the rest."""

    message: str = ""
    model: str = "echo"
    messages: list[ChatMessage] = []
    settings: Settings = Settings()

    def echo(self, model: ModelName) -> str | None:
        return self.message if model == "echo" else None

    def begun(self) -> str:
        """What the answer begins with: the text of an assistant's last message."""
        last = self.messages[-1] if self.messages else None
        return last.text() if last is not None and last.role == "assistant" else ""

    def prompt_tokens(self) -> int:
        texts = [message.text() for message in self.messages] or [self.message]
        return sum(len(text.split()) for text in texts)


async def handshake(call: Call) -> None:
    """GET /ws: becomes a WebSocket, unless the options behind the URL say otherwise."""
    try:
        _, options = call.behaviour.for_model(f"story?{call.request.query}")
    except UnusableModelError as unusable:
        body = to_json(error_json(unusable.status, str(unusable)))
        await call.response.send_whole(unusable.status, "application/json", body)
        return
    if options.fail in INSTEAD and options.fail not in NOT_IN_A_HANDSHAKE:
        await INSTEAD[options.fail](Exchange(call, SocketFrames("", options), options))
        return
    protocol = ServerProtocol()
    request = SocketRequest(call.request.path, Headers(call.request.headers))
    protocol.send_response(protocol.accept(request))
    head = b"".join(protocol.data_to_send())
    if head.startswith(b"HTTP/1.1 101 "):
        await call.response.switch(head)
    else:
        await write(call.response.writer, head)


async def converse(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: Request,
    ledger: Ledger,
    behaviour: Behaviour,
    kept: KeptResponses,
    tasks: TaskSet,
) -> None:
    """Answers one message after the other, until the client leaves or an answer closes."""
    session = Session(reader, writer)
    reading = tasks.start(session.read(), name="mock websocket reader")
    try:
        while (body := await session.messages.get()) is not None:
            asked = Request(MESSAGE, request.path, request.headers, body)
            with ledger.open(asked) as record:
                response = SocketAnswer(writer, session=session)
                reading.add_done_callback(leaver(session, ledger, record))
                await answer(Call(asked, response, record, ledger, behaviour, kept))
                record.finished = response.ended
            if not response.ended:
                return
    finally:
        await cancel(reading)


def leaver(session: Session, ledger: Ledger, record: RequestRecord) -> Any:
    """Whoever leaves in the middle of an answer does not get the rest of it."""
    connection = asyncio.current_task()
    assert connection is not None
    return partial(_leave, session, ledger, record, connection)


def _leave(
    session: Session,
    ledger: Ledger,
    record: RequestRecord,
    connection: asyncio.Task[Any],
    reading: asyncio.Task[None],
) -> None:
    if record.ended_at is None and not session.closing and not reading.cancelled():
        ledger.client_left(record)
        connection.cancel()


async def answer(call: Call) -> None:
    try:
        question = Question.model_validate_json(call.request.body)
        model, options = call.behaviour.for_model(question.model)
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
    except UnusableModelError as unusable:
        await send_error(call, unusable.status, str(unusable))
    else:
        await complete(call, question, model, without_lines(options))


async def complete(call: Call, question: Question, model: ModelName, options: Options) -> None:
    response = call.response
    assert isinstance(response, SocketAnswer)
    response.cut = pieces_of(options.split) if options.split else quirk_of(options.fail).cut
    response.binary = options.fail == "binary"
    response.fragmented = options.fail == "fragments"
    wire = SocketFrames(question.model, options)
    exchange = Exchange(call, wire, options)
    limit = question.settings.max_tokens
    found = compose_rest(options, question.begun(), question.echo(model), limit)
    if question.settings.stream:
        await stream(exchange, found, question.prompt_tokens())
    elif (pieces := await generate(exchange, found)) is not None:
        usage = usage_of(exchange, found, question.prompt_tokens())
        await response.send(wire.whole(pieces, found.finish_reason(), usage))
        response.ended = True


async def stream(exchange: Exchange, answer: Answer, prompt_tokens: int) -> None:
    fail = exchange.options.fail
    if (instead := INSTEAD.get(fail)) is not None:
        await instead(exchange)
        return
    pieces, pace = iter(answer), Pace(exchange.options)
    if (midway := SOCKET_MIDWAY.get(fail)) is not None:
        await send_pieces(exchange, islice(pieces, exchange.options.after), pace)
        if not await midway(exchange):
            return
    await send_pieces(exchange, pieces, pace)
    usage = usage_of(exchange, answer, prompt_tokens)
    for frame in exchange.wire.closing(answer.finish_reason(), usage):
        await exchange.response.send(frame)
    exchange.response.ended = True


def without_lines(options: Options) -> Options:
    """The same without what only a stream of lines can get wrong."""
    if options.fail in QUIRKS and options.fail not in QUIRKS_OF_BOTH:
        return options.model_copy(update={"fail": ""})
    return options


async def send_error(call: Call, status: int, message: str) -> None:
    await call.response.send(to_json(error_json(status, message)))
    call.response.ended = True
