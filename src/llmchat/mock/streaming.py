"""The walk of an answer in any dialect: piece by piece, on schedule, to its end or its fault."""

from collections.abc import Iterable
from itertools import islice

from llmchat.mock.answer import Answer, Pace, Piece, Usage
from llmchat.mock.exchange import Exchange
from llmchat.mock.faults import INSTEAD, MIDWAY, UNSTREAMED
from llmchat.mock.http1 import pieces_of
from llmchat.mock.quirks import quirk_of


async def stream_answer(exchange: Exchange, answer: Answer, prompt_tokens: int) -> None:
    if (instead := INSTEAD.get(exchange.options.fail)) is not None:
        await instead(exchange)
        return
    exchange.call.record.tokens_asked = prompt_tokens
    await begin(exchange)
    pieces, pace = iter(answer), Pace(exchange.options)
    if (midway := MIDWAY.get(exchange.options.fail)) is not None:
        await send_pieces(exchange, islice(pieces, exchange.options.after), pace)
        if not await midway(exchange):
            return
    await send_pieces(exchange, pieces, pace)
    usage = usage_of(exchange, answer, prompt_tokens)
    for frame in exchange.wire.closing(answer.finish_reason(), usage):
        await send_frame(exchange, frame)
    await exchange.response.end()


async def begin(exchange: Exchange) -> None:
    quirk, response = quirk_of(exchange.options.fail), exchange.response
    response.cut = pieces_of(exchange.options.split) if exchange.options.split else quirk.cut
    await response.start(quirk.content_type or exchange.wire.content_type)
    if opening := quirk.lead_in + quirk.frame(exchange.wire.opening()):
        # A chunk of no bytes would be the end of the response.
        await response.send(opening)


async def send_pieces(exchange: Exchange, pieces: Iterable[Piece], pace: Pace) -> None:
    for piece in pieces:
        await pace.due(exchange.call.record.tokens_sent)
        await send_frame(exchange, exchange.wire.piece(piece))
        exchange.count_token()


async def send_frame(exchange: Exchange, frame: bytes) -> None:
    await exchange.response.send(quirk_of(exchange.options.fail).frame(frame))


async def generate(exchange: Exchange, answer: Answer) -> list[Piece] | None:
    """The pieces of an answer that is not streamed, once the last is due; None when it failed."""
    if (instead := UNSTREAMED.get(exchange.options.fail)) is not None:
        await instead(exchange)
        return None
    pieces, pace = [], Pace(exchange.options)
    for piece in answer:
        await pace.due(exchange.call.record.tokens_sent)
        pieces.append(piece)
        exchange.count_token()
    return pieces


def usage_of(exchange: Exchange, answer: Answer, prompt_tokens: int) -> Usage:
    exchange.call.record.tokens_asked = prompt_tokens
    sent = exchange.call.record.tokens_sent
    return Usage(prompt_tokens, sent, min(sent, answer.reasoning_tokens))
