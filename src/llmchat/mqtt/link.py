"""The connection to a broker that comes back whenever it ends."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from llmchat.mqtt.base import Delivery
from llmchat.mqtt.connection import Broker, Standing, connected
from llmchat.mqtt.passage import Passage
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_MOST_PAUSE_SECONDS = 15.0
_GOODBYE_SECONDS = 2.0
_MOST_STRIKES = 3
_REFUSED = 0x80
"""From here on the codes of a broker are failures."""


class MqttLink:
    """A Link."""

    def __init__(self, broker: Broker, standing: Standing, tell: Callable[[bool], None]) -> None:
        """`tell` hears whether there is a connection, whenever that may have changed."""
        self._broker = broker
        self._tell = tell
        self._standing = standing
        self._hear: Callable[[Delivery], bool] = _no_room
        self._client: aiomqtt.Client | None = None
        self._change = asyncio.Condition()
        self._broken = asyncio.Event()
        self._over = asyncio.Event()
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._passage = Passage()
        self._under_way: set[asyncio.Timeout] = set()
        self._tasks = TaskSet()

    @property
    def status_topic(self) -> str:
        return self._standing.status

    def start(self, hear: Callable[[Delivery], bool]) -> None:
        """`hear` gets what comes, and says whether there was room for it."""
        self._hear = hear
        self._tasks.spawn(self._run(), name="mqtt link")

    async def aclose(self, *, goodbye: bool = True) -> None:
        """Says that we are offline, and goes; what the broker has for us waits there."""
        if goodbye:
            await self.say_offline()
        self._over.set()
        self._broken.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._tasks.join()
        await self._tasks.cancel_all()

    async def say_online(self) -> None:
        await self._try_to_say(self._standing.online)

    async def say_offline(self) -> None:
        await self._try_to_say(self._standing.offline)

    async def unsubscribe(self) -> None:
        """What comes from now on goes to others of the group."""
        if (client := self._client) is not None:
            with suppress(aiomqtt.MqttError):
                await client.unsubscribe(list(self._standing.filters))

    async def publish(
        self, topic: str, payload: bytes, *, correlation: bytes | None = None, retain: bool = False
    ) -> bool:
        properties = self._properties_of(correlation)
        for strike in range(_MOST_STRIKES):
            # What was under way when a connection ended goes alone from then on: whichever ends
            # the next one is the reason.
            async with self._passage.alone() if strike else self._passage.together():
                client = await self._connection()
                if await self._took(client, topic, payload, retain, properties):
                    self._pause_seconds = _FIRST_PAUSE_SECONDS
                    return True
        # The broker is there: it was not its absence that ended those connections.
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        _log.error(
            "The MQTT broker ends the connection, or does not answer, at this",
            topic=topic,
            bytes=len(payload),
        )
        return False

    async def _took(
        self,
        client: aiomqtt.Client,
        topic: str,
        payload: bytes,
        retain: bool,
        properties: Properties | None,
    ) -> bool:
        try:
            async with asyncio.timeout(None) as end:
                self._under_way.add(end)
                try:
                    await client.publish(
                        topic, payload, qos=1, retain=retain, properties=properties
                    )
                finally:
                    self._under_way.discard(end)
            return True
        except (aiomqtt.MqttError, TimeoutError):
            await self._lose(client)
            return False

    async def _connection(self) -> aiomqtt.Client:
        async with self._change:
            await self._change.wait_for(lambda: self._client is not None)
            assert self._client is not None
            return self._client

    async def _lose(self, client: aiomqtt.Client) -> None:
        """It did not answer: another one may."""
        if self._client is client:
            self._broken.set()
            await self._set(None)

    async def _set(self, client: aiomqtt.Client | None) -> None:
        async with self._change:
            self._client = client
            self._change.notify_all()
        self._tell(client is not None)
        if client is None:
            # aiomqtt would go on waiting for an answer to it.
            for end in self._under_way:
                end.reschedule(asyncio.get_running_loop().time())

    async def _run(self) -> None:
        while not self._over.is_set():
            try:
                async with connected(self._broker, self._standing, self._hear_from) as client:
                    self._broken.clear()
                    await self._serve(client)
                why = "it ended the connection"
            except aiomqtt.MqttError as error:
                why = str(error)
            finally:
                await self._set(None)
            if not self._over.is_set():
                _log.warning("The MQTT broker is away", broker=self._broker.address, why=why)
                await self._pause()

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Until the connection ends, or is no good, or we go."""
        filters = [(each, 1) for each in (*self._standing.filters, self._standing.status)]
        refused = [code for code in await client.subscribe(filters) if _refuses(code)]
        if refused:
            _log.error("The MQTT broker refuses a subscription", broker=self._broker.address)
        await self._say(client, self._standing.online)
        await self._set(client)
        _log.info("Connected to the MQTT broker", broker=self._broker.address)
        ending = self._tasks.start(_until_it_ends(client), name="mqtt connection")
        broken = self._tasks.start(self._broken.wait(), name="mqtt connection is no good")
        clock = asyncio.get_running_loop().time
        since = clock()
        try:
            await asyncio.wait([ending, broken], return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                ending.result()
        finally:
            if clock() - since > _MOST_PAUSE_SECONDS:
                self._pause_seconds = _FIRST_PAUSE_SECONDS
            await self._tasks_of(ending, broken)

    async def _tasks_of(self, *tasks: "asyncio.Task[Any]") -> None:
        for task in tasks:
            task.cancel()
            await asyncio.wait([task])

    def _hear_from(self, delivery: Delivery) -> None:
        if not self._hear(delivery) and delivery.qos:
            # It comes again with the next connection, when there may be room.
            self._broken.set()

    async def _try_to_say(self, status: bytes) -> None:
        if (client := self._client) is not None:
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._say(client, status)

    async def _say(self, client: aiomqtt.Client, status: bytes) -> None:
        await client.publish(self._standing.status, status, qos=1, retain=True)

    async def _pause(self) -> None:
        seconds = self._pause_seconds * random.uniform(0.5, 1.5)  # noqa: S311 - only to spread
        self._pause_seconds = min(2 * self._pause_seconds, _MOST_PAUSE_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def _properties_of(self, correlation: bytes | None) -> Properties | None:
        if correlation is None or self._broker.version != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = correlation
        return properties


async def _until_it_ends(client: aiomqtt.Client) -> None:
    async for _ in client.messages:
        pass  # Ours take another way.


def _refuses(code: Any) -> bool:
    return int(getattr(code, "value", code)) >= _REFUSED


def _no_room(_: Delivery) -> bool:
    return False
