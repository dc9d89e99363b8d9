"""Messages reach a real receiver, signed, until it takes them; and nobody who is not meant."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from llmchat.metrics.registry import Registry
from llmchat.metrics.webhooks import WebhookMeters
from llmchat.webhooks.base import Endpoint, EventType, Message
from llmchat.webhooks.deliverer import Deliverer
from llmchat.webhooks.posting import Poster
from tests.contract.stores import Stores, sqlite_stores
from tests.figures import Figures, figures_in
from tests.receiver import SECRET, Receiver, free_port, receiving

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
RETRY_SECONDS = (5, 300)


def message(id: str = "evt_1", endpoint: str = "hook") -> Message:
    body = f'{{"type":"generation.finished","data":{{"id":"{id}","ö":1}}}}'
    return Message(id, endpoint, EventType.FINISHED, body)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncGenerator[Stores, None]:
    async with sqlite_stores(tmp_path) as found:
        yield found


def endpoint(url: str, name: str = "hook") -> Endpoint:
    return Endpoint(name, url, [b"an older one", KEY], frozenset(EventType))


def deliverer_of(
    stores: Stores,
    *endpoints: Endpoint,
    private: bool = True,
    registry: Registry | None = None,
) -> Deliverer:
    names = [endpoint.name for endpoint in endpoints]
    return Deliverer(
        stores.outbox,
        endpoints,
        Poster(agent="llmchat/test", private=private),
        now=stores.time.now,
        clock=stores.time.seconds,
        onlooker=WebhookMeters(registry or Registry(), names),
        retry_seconds=RETRY_SECONDS,
    )


class Sending:
    """One endpoint, whose messages are sent when the test says so."""

    def __init__(self, stores: Stores, url: str, *, private: bool = True) -> None:
        self._stores = stores
        self._endpoint = endpoint(url)
        self._registry = Registry()
        self._deliverer = deliverer_of(
            stores, self._endpoint, private=private, registry=self._registry
        )

    async def after(self, seconds: float) -> None:
        self._stores.time.move(seconds)
        await self._deliverer.send_due(self._endpoint)

    async def figures(self) -> Figures:
        await self._deliverer.count(self._endpoint)
        text, _ = await self._registry.text("")
        return figures_in(text.decode())

    async def is_over(self) -> bool:
        return (await self._stores.outbox.waiting("hook")).count == 0


async def test_what_is_told_is_signed_and_whole(stores: Stores, receiver: Receiver) -> None:
    await stores.outbox.add([message()])
    sending = Sending(stores, receiver.url)
    await sending.after(0)
    assert receiver.taken == {
        "evt_1": {"type": "generation.finished", "data": {"id": "evt_1", "ö": 1}}
    }
    assert receiver.hosts == [f"127.0.0.1:{receiver.port}"]
    assert await sending.is_over()


async def test_what_is_new_is_sent_when_it_is_woken(stores: Stores, receiver: Receiver) -> None:
    async with deliverer_of(stores, endpoint(receiver.url)) as deliverer:
        for number in range(10):
            await stores.outbox.add([message(f"evt_{number}")])
            deliverer.wake()
        await asyncio.to_thread(receiver.until, 10)
    assert sorted(receiver.ids) == [f"evt_{number}" for number in range(10)]


async def test_it_is_told_again_until_it_is_taken(stores: Stores, receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (302, {"Location": receiver.url})]
    await stores.outbox.add([message()])
    sending = Sending(stores, receiver.url)
    for seconds, count in ((0, 1), (4, 1), (2, 2), (299, 2), (32, 3)):
        await sending.after(seconds)
        assert receiver.ids == ["evt_1"] * count
    assert list(receiver.taken) == ["evt_1"]
    assert await sending.is_over()


async def test_retry_after_is_honoured(stores: Stores, receiver: Receiver) -> None:
    receiver.answers = [(503, {"Retry-After": "1000"})]
    await stores.outbox.add([message()])
    sending = Sending(stores, receiver.url)
    for seconds, count in ((0, 1), (990, 1), (20, 2)):
        await sending.after(seconds)
        assert receiver.ids == ["evt_1"] * count


@pytest.mark.parametrize("answers", [[(410, {})], [(500, {})] * 3])
async def test_it_is_given_up(
    stores: Stores, receiver: Receiver, answers: list[tuple[int, dict[str, str]]]
) -> None:
    receiver.answers = [*answers]
    await stores.outbox.add([message()])
    sending = Sending(stores, receiver.url)
    for _ in answers:
        await sending.after(400)
    assert receiver.ids == ["evt_1"] * len(answers)
    assert await sending.is_over()
    assert receiver.taken == {}


async def test_a_private_address_is_not_asked(stores: Stores, receiver: Receiver) -> None:
    await stores.outbox.add([message()])
    url = receiver.url.replace("127.0.0.1", "localhost")
    sending = Sending(stores, url, private=False)
    await sending.after(0)
    assert receiver.ids == []
    assert not await sending.is_over()


async def test_who_was_away_is_told_when_it_is_back(stores: Stores) -> None:
    port = free_port()
    await stores.outbox.add([message()])
    sending = Sending(stores, f"http://127.0.0.1:{port}/hook")
    await sending.after(0)
    with receiving(port) as receiver:
        await sending.after(6)
        assert list(receiver.taken) == ["evt_1"]


async def test_what_a_dead_process_was_sending_another_sends(
    stores: Stores, receiver: Receiver
) -> None:
    await stores.outbox.add([message()])
    await stores.outbox.claim("hook", limit=4)
    sending = Sending(stores, receiver.url)
    for seconds, count in ((0, 0), (29, 0), (2, 1)):
        await sending.after(seconds)
        assert receiver.ids == ["evt_1"] * count
    assert await sending.is_over()


async def test_what_becomes_of_them_is_counted(stores: Stores, receiver: Receiver) -> None:
    receiver.answers = [(500, {}), (204, {}), (410, {})]
    await stores.outbox.add([message()])
    sending = Sending(stores, receiver.url)
    before = await sending.figures()
    assert before.sum("llmchat_webhooks_total") == 0
    assert len(before.series("llmchat_webhooks_total")) == 3

    await sending.after(0)
    stores.time.move(3)
    figures = await sending.figures()
    assert figures.sum("llmchat_webhooks_total", endpoint="hook", outcome="refused") == 1
    assert figures.sum("llmchat_webhooks_waiting", endpoint="hook") == 1
    assert figures.sum("llmchat_webhooks_oldest_seconds", endpoint="hook") == 3

    await sending.after(3)
    await stores.outbox.add([message("evt_2")])
    await sending.after(0)
    figures = await sending.figures()
    for outcome in ("delivered", "refused", "given_up"):
        assert figures.sum("llmchat_webhooks_total", outcome=outcome) == 1, outcome
    assert figures.sum("llmchat_webhooks_waiting") == 0
    assert figures.sum("llmchat_webhooks_oldest_seconds") == 0


async def test_one_that_hangs_holds_up_no_other(stores: Stores, receiver: Receiver) -> None:
    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hanging.wait()
        writer.close()

    hanging = asyncio.Event()
    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        await stores.outbox.add([message(), message("evt_2", "hook1")])
        silent_one = endpoint(f"http://127.0.0.1:{port}/")
        async with deliverer_of(stores, silent_one, endpoint(receiver.url, "hook1")):
            await asyncio.to_thread(receiver.until, 1)
            assert receiver.ids == ["evt_2"]
        hanging.set()
