"""The routes of OpenAI's Responses API, in background mode: created, read again, cancelled."""

from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field, ValidationError

from llmchat.mock.answer import Piece, Usage, compose
from llmchat.mock.background import KeptResponse
from llmchat.mock.behaviour import ModelName, UnusableModelError, explained
from llmchat.mock.conversation import ContentPart
from llmchat.mock.exchange import Call, Exchange
from llmchat.mock.faults import INSTEAD, MIDWAY
from llmchat.mock.http1 import JSON
from llmchat.mock.openai import TokenLimit, send_error
from llmchat.mock.openai_wire import ERRORS, error_json, to_json
from llmchat.mock.options import Options
from llmchat.mock.responses_wire import frame
from llmchat.mock.streaming import begin, send_frame


class InputItem(BaseModel):
    type: str = "message"
    role: str | None = None
    content: str | list[ContentPart] = ""

    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content


class ResponseRequest(BaseModel):
    """What the mock heeds of a request; the ledger keeps the rest."""

    model: str
    input: str | list[InputItem]
    stream: bool | None = None
    background: bool | None = None
    max_output_tokens: TokenLimit | None = None

    def items(self) -> list[InputItem]:
        if isinstance(self.input, str):
            return [InputItem(role="user", content=self.input)]
        return self.input

    def echo(self, model: ModelName) -> str | None:
        if model != "echo":
            return None
        return next((item.text() for item in reversed(self.items()) if item.role == "user"), "")

    def prompt_tokens(self) -> int:
        return sum(len(item.text().split()) for item in self.items())


class Retrieval(BaseModel):
    """The query of a request for what is kept."""

    stream: bool = False
    starting_after: Annotated[int, Field(ge=-1)] = -1


class KeptWire:
    """How a fault spells what is not one of the answer's own events: with the number of the last
    one, or of none."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, kept: KeptResponse | None) -> None:
        self.number = -1
        self._kept = kept

    def opening(self) -> bytes:
        return b""

    def piece(self, piece: Piece) -> bytes:
        text = getattr(piece, "text", "")
        event = {"type": "response.output_text.delta", "sequence_number": self.number + 1}
        place = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
        return frame({**event, **place, "delta": text, "logprobs": []})

    def empty(self) -> bytes:
        response = None if self._kept is None else self._kept.as_json()
        event = {"type": "response.in_progress", "sequence_number": max(0, self.number)}
        return frame({**event, "response": response})

    def closing(self, finish_reason: str, usage: Usage) -> list[bytes]:
        return []

    def done(self) -> bytes:
        return b"data: [DONE]\n\n"

    def comment(self) -> bytes:
        return b": ping\n\n"

    def error(self) -> bytes:
        what = {"code": "server_error", "message": ERRORS[500].message, "param": None}
        return frame({"type": "error", "sequence_number": self.number + 1, **what})

    def error_event(self) -> bytes:
        return self.error()

    def error_body(self, status: int) -> bytes:
        return to_json(error_json(status))


async def create(call: Call) -> None:
    """POST /v1/responses."""
    try:
        request = ResponseRequest.model_validate_json(call.request.body)
        model, options = call.behaviour.for_model(request.model)
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
    except UnusableModelError as unusable:
        await send_error(call, unusable.status, str(unusable))
    else:
        await _create(call, request, model, options)


async def _create(call: Call, request: ResponseRequest, model: ModelName, options: Options) -> None:
    if (instead := INSTEAD.get(options.fail)) is not None:
        await instead(Exchange(call, KeptWire(None), options))
        return
    key = call.request.headers.get("idempotency-key")
    kept = call.kept.made_with(key) or call.kept.create(
        request.model,
        options,
        compose(options, request.echo(model), request.max_output_tokens),
        prompt_tokens=request.prompt_tokens(),
        background=bool(request.background),
        key=key,
    )
    if request.stream:
        await _stream(call, kept, options, after=-1)
        return
    if not request.background:
        async for _ in kept.read(-1):
            pass
    await _send(call, kept)


async def retrieve(call: Call) -> None:
    """GET /v1/responses/{id}[?stream=true[&starting_after=N]]."""
    kept = call.kept.get(call.name)
    if kept is None:
        await _send_not_found(call)
        return
    try:
        asked = Retrieval.model_validate(dict(parse_qsl(call.request.query)))
    except ValidationError as invalid:
        await send_error(call, 400, explained(invalid))
        return
    if not asked.stream:
        await _send(call, kept)
    elif kept.options.fail == "no-replay":
        await send_error(call, 400, "This response cannot be streamed any more.")
    else:
        # Another request for the same model string: `fail_times` counts it.
        _, options = call.behaviour.for_model(kept.model)
        whole = options.fail == "ignore-cursor"
        await _stream(call, kept, options, after=-1 if whole else asked.starting_after)


async def cancel(call: Call) -> None:
    """POST /v1/responses/{id}/cancel."""
    kept = call.kept.get(call.name)
    if kept is None:
        await _send_not_found(call)
        return
    await call.kept.cancel(kept)
    await _send(call, kept)


async def _stream(call: Call, kept: KeptResponse, options: Options, *, after: int) -> None:
    """The fault of one connection is not the answer's: that is written on meanwhile."""
    wire = KeptWire(kept)
    exchange = Exchange(call, wire, options)
    midway = MIDWAY.get(options.fail)
    await begin(exchange)
    async for number, data, is_token in kept.read(after):
        if midway is not None and is_token and call.record.tokens_sent == options.after:
            if not await midway(exchange):
                return
            midway = None
        await send_frame(exchange, data)
        wire.number = number
        if is_token:
            exchange.count_token()
    if not kept.gone:
        await exchange.response.end()


async def _send(call: Call, kept: KeptResponse) -> None:
    await call.response.send_whole(200, JSON, to_json(kept.as_json()))


async def _send_not_found(call: Call) -> None:
    await send_error(call, 404, f"Response with id '{call.name}' not found.")
