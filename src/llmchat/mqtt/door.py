"""The MQTT door: what comes goes to its lane, what is to be told comes from the logs."""

import asyncio
from contextlib import suppress

from llmchat.chat.rooms import Rooms
from llmchat.mqtt import outputs
from llmchat.mqtt.base import Delivery
from llmchat.mqtt.lanes import Lanes
from llmchat.mqtt.link import MqttLink
from llmchat.mqtt.publishing import Publisher
from llmchat.tasks import TaskSet

_OTHERS_SECONDS = 1.0


class MqttDoor:
    """Open inside `async with`, or until this process shuts down: then it goes at once, before
    anything else ends. What it has not stored by then is the broker's, and comes again."""

    def __init__(
        self,
        *,
        link: MqttLink,
        lanes: Lanes,
        publisher: Publisher,
        rooms: Rooms,
        process: str,
        shared: bool,
    ) -> None:
        self._link = link
        self._lanes = lanes
        self._publisher = publisher
        self._rooms = rooms
        self._process = process
        self._shared = shared
        self._leaving = False
        self._others_stay = asyncio.Event()
        self._tasks = TaskSet()

    async def __aenter__(self) -> "MqttDoor":
        self._lanes.start()
        self._publisher.start()
        self._link.start(self._hear)
        self._tasks.spawn(self._leave_in_time(), name="mqtt leaves")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._rooms.release()
        await self._tasks.join()

    async def _leave_in_time(self) -> None:
        await self._rooms.over()
        self._leaving = True
        await self._lanes.aclose()
        await self._publisher.aclose()
        if self._shared and await self._somebody_stays():
            await self._link.unsubscribe()
        await self._link.aclose(goodbye=not self._shared)

    async def _somebody_stays(self) -> bool:
        """Whether another process is online, which says so whenever one says that it is not. What
        comes from now on is then theirs; alone, the broker keeps it for our next start."""
        self._others_stay.clear()
        await self._link.say_offline()
        with suppress(TimeoutError):
            async with asyncio.timeout(_OTHERS_SECONDS):
                await self._others_stay.wait()
        return self._others_stay.is_set()

    def _hear(self, delivery: Delivery) -> bool:
        if delivery.topic != self._link.status_topic:
            return self._lanes.put(delivery)
        online, process = outputs.read_status(delivery.payload)
        if online and process != self._process:
            self._others_stay.set()
        if not online and not self._leaving:
            # The last will of another, or our own of a connection before: somebody is here.
            self._tasks.spawn(self._link.say_online(), name="mqtt is online")
        delivery.ack()
        return True
