"""Who leaves an answer closes its WebSocket, at any moment, and nothing remains."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress

import psutil  # type: ignore[import-untyped]
import pytest
from websockets.frames import Frame, Opcode

from llmchat.domain import Params
from llmchat.errors import UpstreamMalformed, UpstreamTooLarge, UpstreamTruncated
from llmchat.events import Delta
from llmchat.mock.websocket_session import frame_head
from llmchat.providers.retrying import Retrying
from llmchat.tasks import cancel
from tests.providers.asking import ask, eventually, listen, prompt
from tests.providers.memory import MIB
from tests.providers.socket_server import DONE, Message, serving, socket_at, staying
from tests.providers.test_leaving import new_tasks
from tests.raw_http import PATIENCE_SECONDS
from tests.upstream import Upstream, mock_model

LEAVERS = 200
MANY = 1_000_000
ENDLESS = {
    "before the first token": mock_model(fail="silence-before"),
    "in the middle, in silence": mock_model(fail="silence", after=3),
    "in the middle, between pings": mock_model(fail="pings", after=3),
    "in the middle, between empty frames": mock_model(fail="keepalive-chunks", after=3),
    "in the middle, of one that is deaf": mock_model(fail="no-pong", after=3),
    "in the middle of a fast answer": mock_model(tokens=1_000_000),
    "in the middle of a slow answer": mock_model(tokens=1_000_000, rate=200),
}
NOTHING_HAPPENS_SECONDS = 0.35
"""Longer than three of the mock's pings; a slow machine cannot make this fail."""


@pytest.fixture(autouse=True)
async def nothing_remains(upstream: Upstream) -> AsyncIterator[None]:
    """After each test: no connection of this process, and no task, that was not there before."""
    before, tasks = connections(), asyncio.all_tasks()
    yield
    await eventually(lambda: connections() <= before)
    await eventually(lambda: not new_tasks(tasks))


def connections() -> int:
    """How many TCP connections this process holds, those of the mock included."""
    held = psutil.Process().net_connections("tcp")
    return sum(connection.status != psutil.CONN_LISTEN for connection in held)


@pytest.mark.parametrize("where", ENDLESS)
async def test_cancelling_the_reader_closes_the_upstream(where: str, upstream: Upstream) -> None:
    provider = socket_at(upstream.websocket_url)
    reader = asyncio.create_task(listen(provider, prompt(ENDLESS[where])))
    await upstream.tokens_sent(3 if "middle" in where else 0)
    await cancel(reader)

    assert reader.cancelled()
    assert not (await upstream.client_gone()).finished


@pytest.mark.parametrize("where", [where for where in ENDLESS if "middle" in where])
async def test_closing_the_stream_closes_the_upstream(where: str, upstream: Upstream) -> None:
    provider = socket_at(upstream.websocket_url)
    async with aclosing(provider.stream(prompt(ENDLESS[where]))) as batches:
        await anext(batches)

    assert not (await upstream.client_gone()).finished


async def test_leaving_in_the_handshake_closes_the_upstream(upstream: Upstream) -> None:
    provider = socket_at(f"{upstream.websocket_url}?fail=no-headers")
    for asking in (listen(provider, prompt()), provider.models()):
        upstream.ledger.records.clear()
        reader: asyncio.Task[object] = asyncio.create_task(asking)
        await upstream.until(lambda: bool(upstream.handshakes))
        await cancel(reader)
        await upstream.until(lambda: upstream.handshakes[0].client_gone)


async def test_leaving_while_the_request_is_being_sent() -> None:
    """A server that does not read holds a long request back, and its end as well."""
    async with staying(b"", reads=False) as server:
        asked = prompt("m", Params(extra={"user": "x" * 20_000_000}))
        reader = asyncio.create_task(listen(socket_at(server.url), asked))
        await eventually(lambda: bool(server.handshakes))
        await cancel(reader)
        assert reader.cancelled()


async def test_a_stream_that_is_closed_before_it_is_read_was_never_asked_for(
    upstream: Upstream,
) -> None:
    await socket_at(upstream.websocket_url).stream(prompt()).aclose()

    assert not upstream.handshakes


@pytest.mark.parametrize("kind", ["silence", "pings", "keepalive-chunks"])
async def test_a_ping_is_no_event(kind: str, upstream: Upstream) -> None:
    """Or the clock of the gaps between tokens would never run out. One that answers pings is not
    given up, however long it is silent."""
    provider = socket_at(upstream.websocket_url, ping_seconds=NOTHING_HAPPENS_SECONDS / 5)
    async with aclosing(provider.stream(prompt(mock_model(fail=kind, after=2)))) as batches:
        text = ""
        while text != "t0 t1 ":
            text += "".join(
                event.text for event in await anext(batches) if isinstance(event, Delta)
            )
        waiting = asyncio.ensure_future(anext(batches))
        done, _ = await asyncio.wait([waiting], timeout=NOTHING_HAPPENS_SECONDS)
        assert not done
        await cancel(waiting)
    await upstream.client_gone()


async def test_a_taker_that_is_slow_is_not_taken_for_a_server_that_hangs(
    upstream: Upstream,
) -> None:
    """While nobody takes what came, nothing is read, and so no answer to a ping."""
    provider = socket_at(upstream.websocket_url, ping_seconds=NOTHING_HAPPENS_SECONDS / 10)
    async with aclosing(provider.stream(prompt(mock_model(tokens=MANY)))) as batches:
        await anext(batches)
        billed = 0
        # No event tells that nothing more is sent.
        while billed < (billed := upstream.completions[0].tokens_sent):  # noqa: ASYNC110
            await asyncio.sleep(NOTHING_HAPPENS_SECONDS)
        assert billed < MANY, "a flood waits at the server"
        for _ in range(3):
            await anext(batches)


@pytest.mark.parametrize("code", [1000, None], ids=["it closes", "it stays"])
async def test_a_whole_answer_is_ended_with_a_goodbye(code: int | None) -> None:
    pieces: list[Message] = [{"delta": "Hi"}, DONE]
    async with serving(*pieces, code=code) as served:
        assert (await listen(socket_at(served.url), prompt())).text == "Hi"
        await served.left.wait()
        assert served.codes == [1000]


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (Frame(Opcode.TEXT, b'{"done": true}').serialize(mask=False), type(None)),
        (Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False), UpstreamTruncated),
        (frame_head(2 * MIB), UpstreamTooLarge),
        (b"\xff\xff", UpstreamMalformed),
    ],
    ids=["done", "goodbye", "giant", "junk"],
)
async def test_a_server_that_stays_behind_the_end_is_left(last: bytes, error: type) -> None:
    """It neither answers a goodbye nor ends the connection."""
    frame = Frame(Opcode.TEXT, b'{"delta": "Hi"}').serialize(mask=False)
    async with staying(frame + last) as server, asyncio.timeout(PATIENCE_SECONDS):
        # No ping brings it to light.
        heard = await listen(socket_at(server.url, ping_seconds=3600), prompt())
        await server.left.wait()

    assert (heard.text, type(heard.error)) == ("Hi", error)


async def test_a_storm_of_leavers_leaves_nothing(upstream: Upstream, chaos: random.Random) -> None:
    provider = socket_at(upstream.websocket_url, ping_seconds=0.1)
    refused = socket_at(f"{upstream.websocket_url}?fail=http-503")

    async def leave(model: str, after_seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(after_seconds):
                await listen(Retrying(chaos.choice([provider, refused]), attempts=3), prompt(model))

    models = [*ENDLESS.values(), mock_model(fail="http-503"), mock_model(tokens=20)]
    await asyncio.gather(
        *(leave(chaos.choice(models), chaos.uniform(0, 0.5)) for _ in range(LEAVERS))
    )

    await upstream.until(lambda: all(record.ended_at for record in upstream.ledger.records))
    assert (await ask(provider, tokens=3)).text == "t0 t1 t2 "
