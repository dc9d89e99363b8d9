"""The HTTP client where the way to the service is bad: cut, silent, refused, lost, lied to."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmchat.client import Client
from llmchat.conversing.answer import Answer, AnswerReset
from llmchat.conversing.happenings import Snapshot
from llmchat.domain import Status
from llmchat.errors import (
    Forbidden,
    GenerationFailed,
    Invalid,
    LlmchatError,
    LogGone,
    Malformed,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from llmchat.events import Delta, Entry, ToolCall
from llmchat.remote.patience import Patience
from llmchat.remote.reading import Line
from llmchat.remote.refusals import problem_of
from llmchat.tasks import TaskSet
from tests.client import connect
from tests.fault_proxy import FaultProxy
from tests.service import Service, free_port
from tests.upstream import answer_text
from tests.web.conftest import UNPACED, serving
from tests.web.locked import locked_service

TOKENS = 1500
STORY: dict[str, Any] = {
    "model": "demo/story",
    "params": {"extra": {"tokens": TOKENS, "tokens_per_second": 600}},
}
ECHO: dict[str, Any] = {"model": "demo/echo", "params": {"extra": UNPACED}}
QUICK: dict[str, Any] = {"first_retry_seconds": 0.05}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that nobody kills."""
    with serving(tmp_path_factory.mktemp("service"), heartbeat_seconds=0.05) as url:
        yield url


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(httpx2.URL(url).port or 0).running() as proxy:
        yield proxy


def through(proxy: FaultProxy, **habits: float) -> Client:
    return Client(f"http://127.0.0.1:{proxy.port}", **{**QUICK, **habits})


def text_of(entries: list[Entry]) -> str:
    return "".join(e.event.text for e in entries if isinstance(e.event, Delta))


def offsets_of(entries: list[Entry]) -> list[int]:
    return [offset for entry in entries for offset in range(entry.first, entry.last + 1)]


async def test_an_answer_is_exact_over_connections_that_are_cut_at_random(
    proxy: FaultProxy, chaos: random.Random
) -> None:
    async with through(proxy) as client:
        answer = await (await client.create()).send("go", **STORY)
        cutting = TaskSet()

        async def cut() -> None:
            while True:
                await asyncio.sleep(chaos.uniform(0, 0.2))
                proxy.cut()

        cutting.spawn(cut(), name="cut")
        entries = [entry async for entry in answer.stream()]
        await cutting.cancel_all()
        assert proxy.accepted > 3
        assert text_of(entries) == answer_text(tokens=TOKENS) == await answer
        assert offsets_of(entries) == list(range(1, entries[-1].last + 1))


async def test_a_stream_that_says_nothing_is_opened_anew(proxy: FaultProxy) -> None:
    async with through(proxy, silence_seconds=1) as client:
        answer = await (await client.create()).send("go", **STORY)
        pieces: list[str] = []
        healing = TaskSet()
        async for piece in answer:
            if not pieces:
                # Nobody closes anything: a network that went away.
                proxy.blackhole("to_client")
                healing.spawn(_heal_when_asked_again(proxy, proxy.accepted), name="heal")
            pieces.append(piece)
        await healing.join()
        assert "".join(pieces) == answer_text(tokens=TOKENS)


async def _heal_when_asked_again(proxy: FaultProxy, accepted: int) -> None:
    while proxy.accepted == accepted:  # noqa: ASYNC110 - a proxy sets no Event
        await asyncio.sleep(0.02)
    await proxy.heal()


async def test_a_silence_with_heartbeats_is_waited_for(proxy: FaultProxy) -> None:
    slow: dict[str, Any] = {
        "model": "demo/story",
        "params": {"extra": {"tokens": 3, "tokens_per_second": 0.7}},
    }
    async with through(proxy, silence_seconds=1) as client:
        answer = await (await client.create()).send("go", **slow)
        before = proxy.accepted
        assert await answer == answer_text(tokens=3)
        assert proxy.accepted <= before + 1


async def test_a_message_whose_answer_was_lost_is_there_once(url: str, proxy: FaultProxy) -> None:
    async with through(proxy) as client:
        conversation = await client.create()
        proxy.blackhole("to_client")
        sending = asyncio.create_task(conversation.send("hello", **ECHO))
        async with connect(url) as direct:
            while not await direct.messages(conversation.id):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        assert not sending.done()
        await proxy.heal()
        assert await (await sending) == "You said: hello"
        said = [message.content async for message in conversation.history()]
        assert said == ["hello", "You said: hello"]


async def test_kill_and_restart_interrupts_an_answer_and_loses_nothing_shown(
    tmp_path: Path,
) -> None:
    async with (
        Service(tmp_path).running() as service,
        Client(service.base_url, **QUICK) as client,
    ):
        answer = await (await client.create()).send("go", **STORY)
        pieces: list[str] = []
        with pytest.raises(GenerationFailed) as failed:
            await _read_over_a_kill(answer, service, pieces)
        assert failed.value.problem().type == "interrupted"
        assert answer.status is Status.INTERRUPTED
        assert (await answer.message()).content == "".join(pieces) == answer.so_far
        short = {"extra": {"tokens": TOKENS, "tokens_per_second": 0}}
        assert (await (await answer.go_on(params=short))).startswith("".join(pieces))


@pytest.mark.thorough
async def test_another_attempt_is_never_spliced_to_the_first(tmp_path: Path) -> None:
    async with (
        Service(tmp_path, LLMCHAT_ON_CRASH="restart").running() as service,
        Client(service.base_url, **QUICK) as client,
    ):
        answer = await (await client.create()).send("go", **STORY)
        pieces: list[str] = []
        texts: list[str] = []
        reading = asyncio.create_task(_texts(answer, texts))
        with pytest.raises(AnswerReset):
            await _read_over_a_kill(answer, service, pieces)
        await reading
        assert answer_text(tokens=TOKENS) == texts[-1] == await answer
        assert "" in texts
        assert "".join([piece async for piece in answer]) == texts[-1]


async def _read_over_a_kill(answer: Answer, service: Service, pieces: list[str]) -> None:
    async for piece in answer:
        pieces.append(piece)
        if len(pieces) == 5:
            await service.kill()
            await service.start()


async def _texts(answer: Answer, texts: list[str]) -> None:
    texts.extend([text async for text in answer.texts()])


async def test_a_log_that_has_expired_is_told_from_the_history(tmp_path: Path) -> None:
    with serving(tmp_path, log_retention_seconds=1) as url:
        await _read_an_expired_log(url)


async def _read_an_expired_log(url: str) -> None:
    async with Client(url) as client:
        answer = await (await client.create()).send("hello", **ECHO)
        await answer
        while True:
            try:
                [entry async for entry in answer.stream()]
            except LogGone:
                break
            await asyncio.sleep(0.1)
        found = await client.answer(answer.id)
        assert [piece async for piece in found] == ["You said: hello"] == [await found]


async def test_nobody_there_is_said_at_once(tmp_path: Path) -> None:
    async with Client(f"http://127.0.0.1:{free_port()}", patience_seconds=600) as client:
        with pytest.raises(Unavailable, match="llmchat serve"):
            await client.create()


async def test_a_service_that_went_away_is_waited_for_and_not_for_ever(proxy: FaultProxy) -> None:
    async with through(proxy, patience_seconds=600) as client:
        await client.models()
        proxy.refuse()
        proxy.cut()
        asking = asyncio.create_task(client.models())
        await asyncio.sleep(0.2)
        await proxy.heal()
        assert await asking
    async with through(proxy, patience_seconds=0) as client:
        answer = await (await client.create()).send("go", **STORY)
        proxy.refuse()
        proxy.cut()
        with pytest.raises(Unavailable):
            await client.models()
        with pytest.raises(Unavailable):
            await answer


def test_a_wrong_key_a_missing_scope_and_what_is_another_ones(tmp_path: Path) -> None:
    with locked_service(tmp_path) as service:
        ann, bob, reader = (
            service.key("ann")["secret"],
            service.key("bob")["secret"],
            service.key("ann", "read")["secret"],
        )
        asyncio.run(_locked(service.base_url, ann, bob, reader))


async def _locked(url: str, ann: str, bob: str, reader: str) -> None:
    for key in (None, "sk-llmchat-wrong"):
        async with Client(url, key=key) as nobody:
            with pytest.raises(Unauthenticated):
                await nobody.create()
    async with Client(url, key=ann) as anns, Client(url, key=bob) as bobs:
        conversation = await anns.create()
        answer = await conversation.send("hello", **ECHO)
        await answer
        for lost in (bobs.conversation(conversation.id), bobs.answer(answer.id)):
            with pytest.raises(NotFound):
                await lost
        foreign = Answer(bobs._service, await anns._service.standing(answer.id))
        with pytest.raises(NotFound):
            [entry async for entry in foreign.stream()]
        with pytest.raises(NotFound):
            await foreign.stop()
    async with Client(url, key=reader) as reads:
        assert [m.content async for m in (await reads.conversation(conversation.id)).history()]
        with pytest.raises(Forbidden):
            await reads.create()


def test_a_limit_that_takes_too_long_is_raised_with_what_it_is(tmp_path: Path) -> None:
    async def too_often(url: str) -> RateLimited:
        async with Client(url, patience_seconds=0.1) as client:
            await client.create()
            await client.create()
            with pytest.raises(RateLimited) as limited:
                await client.create()
        return limited.value

    with serving(tmp_path, requests_per_minute=2) as url:
        error = asyncio.run(too_often(url))
    assert (error.limit, error.remaining) == (2, 0)
    assert 0 < (error.retry_after_seconds or 0) <= 60


@dataclass
class Scripted:
    """A server that answers each request with the next of its lines, and remembers the requests.
    With each heartbeat a second passes on its clock, `beats`."""

    answers: list[bytes]
    requests: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    beats: int = 0

    @asynccontextmanager
    async def running(self, **habits: Any) -> AsyncIterator[Client]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            async with Client(f"http://127.0.0.1:{port}", **{**QUICK, **habits}) as client:
                yield client
        finally:
            server.close()
            await server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        self.times.append(asyncio.get_running_loop().time())
        for line in self.answers.pop(0).splitlines(keepends=True):
            if line.startswith(b"event: heartbeat"):
                self.beats += 1
            writer.write(line)
        await writer.drain()
        writer.close()


def http(status: str, body: bytes = b"{}", kind: str = "application/json", **more: str) -> bytes:
    headers = {"Content-Type": kind, "Connection": "close", **more}
    if kind != "text/event-stream":
        headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def events(*frames: str) -> bytes:
    return http("200 OK", "".join(f"{frame}\n\n" for frame in frames).encode(), "text/event-stream")


def delta(first: int, last: int, text: str) -> str:
    data = f'{{"offset":[{first},{last}],"channel":"answer","text":"{text}"}}'
    return f"id: {last}\nevent: delta\ndata: {data}"


PROBLEM = b'{"type": "t", "title": "t", "detail": "d", "status": %s, "retry_after_seconds": %s}'
MODELS = http("200 OK", b'{"items": [], "default": "demo/echo"}')
STANDING = http(
    "200 OK",
    b'{"id": "gen_1", "conversation_id": "conv_1", "message_id": "msg_1", "status": '
    b'"streaming", "model": "m", "finish_reason": null, "usage": null, "error": null}',
)
BEAT = "event: heartbeat\ndata: {}"
END = 'id: 9\nevent: finished\ndata: {"offset":[9,9],"status":"complete","finish_reason":"stop"}'


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_retry_after_is_waited_for(status: str) -> None:
    server = Scripted([http(status, Retry_After="1"), MODELS])
    async with server.running() as client:
        assert await client.default_model() == "demo/echo"
    assert server.times[1] - server.times[0] >= 1


async def test_a_creation_that_may_be_done_is_not_done_twice() -> None:
    server = Scripted([b"", MODELS])
    async with server.running() as client:
        with pytest.raises(Unavailable):
            await client.create()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("200 OK", b"<html>", "text/html"), Unavailable),
        (http("200 OK", b'{"items": 1}'), Unavailable),
        (http("404 Not Found", b"<html>", "text/html"), NotFound),
        (http("302 Found", b"", Location="http://127.0.0.1:9/"), Invalid),
        (http("418 Teapot", b'{"type": 1, "status": "x"}'), Invalid),
        (http("500 Oops", b"[1, 2]"), Unavailable),
        (http("200 OK", b"not gzip", Content_Encoding="gzip"), Unavailable),
        (http("200 OK", b"[" * 100_000), Unavailable),
        (http("503 Away", b"[" * 100_000), Unavailable),
        (http("429 Slow", PROBLEM % (b"429", b"NaN")), Unavailable),
        (http("429 Slow", PROBLEM % (b"429", b'"soon"')), Unavailable),
        (http("400 Bad", PROBLEM % (b'"x"', b"1")), Malformed),
    ],
)
async def test_what_is_no_service_of_ours_is_said_to_be_none(
    answer: bytes, error: type[LlmchatError]
) -> None:
    async with Scripted([answer]).running(patience_seconds=0) as client:
        with pytest.raises(error):
            await client.models()


async def test_a_hole_and_a_doubled_event_are_asked_for_again() -> None:
    server = Scripted(
        [
            STANDING,
            events(delta(1, 2, "ab"), delta(4, 4, "X")),
            events(delta(3, 3, "c"), delta(3, 3, "c")),
            events("event: heartbeat\ndata: {}", 'id: 4\nevent: later\ndata: {"offset":[4,4]}'),
            events("event: delta\ndata: {"),
            events('event: delta\ndata: {"offset":[5,"x"],"channel":"answer","text":"X"}'),
            events('event: finished\ndata: {"offset":[5,5],"status":"odd"}'),
            events('event: finished\ndata: {"offset":[5,5],"status":"complete","usage":[1]}'),
            http("200 OK", b"X", "text/event-stream", Content_Encoding="gzip"),
            events(delta(5, 8, "defg"), END, delta(10, 10, "never")),
        ]
    )  # fmt: skip
    async with server.running(first_retry_seconds=0.01) as client:
        answer = await client.answer("gen_1")
        entries = [entry async for entry in answer.stream()]
    assert text_of(entries) == "abcdefg"
    cursors = [head.lower().partition("last-event-id: ")[2][:1] for head in server.requests[1:]]
    assert cursors == ["", "2", "3", *"444444"]


async def test_a_stream_that_only_ever_breaks_is_given_up() -> None:
    broken = [events(delta(7, 7, "X"))] * 200
    async with Scripted([STANDING, *broken]).running(patience_seconds=0.5) as client:
        answer = await client.answer("gen_1")
        with pytest.raises(Unavailable, match="broken stream"):
            [entry async for entry in answer.stream()]


async def test_a_model_that_thinks_for_longer_than_the_patience_uses_up_none_of_it() -> None:
    server = Scripted([events(delta(1, 1, "a"), *[BEAT] * 20)])
    async with server.running() as client:
        patience = Patience(3, first_seconds=0, now=lambda: server.beats)
        line = Line(client._connection, patience)
        assert [event.event async for event in line.events("/", {})] == ["delta"]
        assert server.beats == 20
        await patience.outlast(Unavailable("It ends the stream."))


def told(event: str, **data: Any) -> str:
    return f"event: {event}\ndata: {json.dumps(data)}"


DETAILS: dict[str, Any] = {
    **dict.fromkeys(("title", "system_prompt", "model", "active_leaf")),
    **dict.fromkeys(("archived", "pinned", "generating"), False),
    **dict.fromkeys(("created_at", "updated_at"), "2026-01-01T00:00:00Z"),
    "id": "conv_1",
    "params": {},
    "metadata": {},
    "role": "owner",
    "reply_mode": "always",
}
LIVE = {
    "id": "gen_1",
    "message_id": "msg_1",
    "model": "m",
    "text": "ab",
    "reasoning": "",
    "tool_calls": [{"index": 7, "id": None, "name": "look", "arguments": "{"}],
    "offset": 2,
}


def snapshot(*live: Any) -> str:
    return told("snapshot", conversation=DETAILS, generations=live)


def part(first: int, last: int, text: str) -> str:
    data = {"offset": [first, last], "channel": "answer", "text": text}
    return told("delta", generation_id="gen_1", **data)


async def test_a_watch_comes_back_with_what_is_and_tells_nothing_twice() -> None:
    end = told("finished", generation_id="gen_1", offset=[4, 4], status="complete")
    server = Scripted(
        [
            http("200 OK", json.dumps(DETAILS).encode()),
            events(snapshot(LIVE), part(3, 3, "c"), end, part(3, 3, "c"), BEAT),
            http("503 Service Unavailable"),
            events(snapshot(LIVE), part(4, 4, "X")),
            events(snapshot(), told("later", user="ann"), told("typing", user="ann", typing=True)),
            events(snapshot(), "event: message\ndata: 7"),
            events(snapshot(), told("message", id="msg_1")),
            events(snapshot(), told("delta", generation_id="gen_1", offset=[])),
            events(snapshot(), told("conversation", deleted=True), part(1, 1, "never")),
        ]
    )
    async with server.running(patience_seconds=5) as client:
        conversation = await client.conversation("conv_1")
        happenings = [happening async for happening in conversation.watch()]
    names = [type(happening).__name__ for happening in happenings]
    assert names == [
        *("Snapshot", "AnswerEvent", "AnswerEvent"),
        "Snapshot",
        *("Snapshot", "TypingChanged"),
        *("Snapshot", "Snapshot", "Snapshot"),
        *("Snapshot", "ConversationDeleted"),
    ]
    assert isinstance(happenings[0], Snapshot)
    [live] = happenings[0].answers
    assert live.tool_calls == [ToolCall(7, None, "look", "{")]


async def test_a_watch_that_only_ever_breaks_is_given_up() -> None:
    broken = [events(snapshot(), part(7, 7, "X"))] * 200
    server = Scripted([http("200 OK", json.dumps(DETAILS).encode()), *broken])
    async with server.running(patience_seconds=0.5) as client:
        conversation = await client.conversation("conv_1")
        with pytest.raises(Unavailable, match="broken stream"):
            [happening async for happening in conversation.watch()]


async def test_a_watch_ends_where_nobody_may_watch_any_more() -> None:
    lost = http("404 Not Found", b'{"type": "not_found", "title": "t", "status": 404}')
    server = Scripted([http("200 OK", json.dumps(DETAILS).encode()), events(snapshot()), lost])
    async with server.running() as client:
        conversation = await client.conversation("conv_1")
        with pytest.raises(NotFound):
            [happening async for happening in conversation.watch()]


def test_bad_addresses_and_keys_are_refused() -> None:
    for url in ("example.com", "ftp://example.com", "http://", "http://[", "/x"):
        with pytest.raises(Invalid):
            Client(url)
    for key in ("a b", "a\r\nX: y", "ключ"):
        with pytest.raises(Invalid):
            Client(key=key)
    for seconds in (-1, float("nan"), float("inf")):
        with pytest.raises(Invalid):
            Client(patience_seconds=seconds)


def test_the_environment_says_where_and_who(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLMCHAT_URL", "https://chat.example.com/")
    secret = tmp_path / "key"
    secret.write_text("sk-llmchat-1\n")
    monkeypatch.setenv("LLMCHAT_API_KEY_FILE", str(secret))
    client = Client()
    assert client.url == "https://chat.example.com"
    assert client._connection._key == "sk-llmchat-1"


async def test_outside_of_its_block_a_client_says_so() -> None:
    with pytest.raises(Invalid, match="async with"):
        await Client().models()


def test_a_problem_of_a_newer_service_is_read() -> None:
    members = {"type": "x", "title": "t", "status": 400, "detail": "d", "new": 1, "instance": "/"}
    assert problem_of(members).detail == "d"


def test_the_client_loads_nothing_of_the_service() -> None:
    heavy = "fastapi, starlette, pydantic, sqlalchemy, sqlmodel, structlog, openai, llmchat.app"
    code = (
        "import sys, llmchat\nfrom llmchat import Client, Bot, Params\n"
        f"print([name for name in '{heavy}'.split(', ') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
