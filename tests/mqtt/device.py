"""A device on a broker, by paho: it listens, talks, and comes back by itself.

with Device(broker) as device:
    await device.listening()
    device.say("kitchen", "hello")
    answer = await device.answer("kitchen")
    assert answer.text == answer.end["text"]
"""

import asyncio
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.mosquitto import Mosquitto
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    correlation: bytes | None = None

    @property
    def json(self) -> Json:
        found: Json = orjson.loads(self.payload)
        return found


@dataclass(slots=True)
class Answer:
    """What a conversation's topics say about one generation, by the rules of docs/mqtt.md: what
    begins at or before what is there takes its place from there on."""

    generation_id: str
    pieces: list[Json] = field(default_factory=list)
    ends: list[Heard] = field(default_factory=list)

    @property
    def last(self) -> int:
        return int(self.pieces[-1]["offset"][1]) if self.pieces else 0

    @property
    def end(self) -> Json:
        return self.ends[0].json

    @property
    def text(self) -> str:
        text = ""
        for piece in self.pieces:
            if piece["type"] == "reset":
                text = piece["text"]
            elif piece["type"] == "delta" and piece["channel"] == "answer":
                text += piece["text"]
        return text

    def take(self, piece: Json) -> bool:
        """False for one that leaves a hole before it."""
        begin = piece["offset"][0]
        kept = [each for each in self.pieces if each["offset"][1] < begin]
        if begin != (kept[-1]["offset"][1] if kept else 0) + 1:
            return False
        self.pieces = [*kept, piece]
        return True


class Device:
    """`version` is 5 or 3.1.1; the session is kept while it is away."""

    def __init__(
        self,
        broker: Mosquitto,
        *,
        version: str = "5",
        user: str | None = None,
        password: str | None = None,
        prefix: str = "llmchat",
        topics: str | None = None,
    ) -> None:
        self.heard: list[Heard] = []
        self.refused: list[str] = []
        self.subscriptions = 0
        self._prefix = prefix
        self._five = version == "5"
        self._topics = topics or f"{prefix}/#"
        self._broker = broker
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"device-{uuid.uuid4().hex}",
            protocol=paho.MQTTv5 if self._five else paho.MQTTv311,
            clean_session=None if self._five else False,
        )
        self._client.reconnect_delay_set(1, 1)
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        session = None
        if self._five:
            session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            session.SessionExpiryInterval = 600
        begin: Any = {"clean_start": False, "properties": session} if self._five else {}
        self._client.connect("127.0.0.1", self._broker.port, **begin)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    async def listening(self) -> Self:
        await until(lambda: self.subscriptions > 0, "its subscription")
        return self

    def publish(
        self,
        topic: str,
        payload: str | bytes | Json,
        *,
        qos: int = 1,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
        user_property: tuple[str, str] | None = None,
    ) -> paho.MQTTMessageInfo:
        properties = None
        if response_topic or correlation or user_property:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            if response_topic:
                properties.ResponseTopic = response_topic
            if correlation:
                properties.CorrelationData = correlation
            if user_property:
                properties.UserProperty = user_property
        body = orjson.dumps(payload) if isinstance(payload, dict) else payload
        return self._client.publish(topic, body, qos, retain, properties)

    def say(self, name: str, payload: str | bytes | Json, **options: Any) -> paho.MQTTMessageInfo:
        return self.publish(f"{self._prefix}/{name}/input", payload, **options)

    def on(self, topic: str) -> list[Heard]:
        """What was heard there so far, in order."""
        return [heard for heard in list(self.heard) if heard.topic == f"{self._prefix}/{topic}"]

    async def one(self, topic: str, number: int = 1) -> Heard:
        """What was heard there, when it is that many."""
        await until(lambda: len(self.on(topic)) >= number, f"message {number} on {topic}", self)
        return self.on(topic)[number - 1]

    def online(self) -> set[str]:
        """The processes that said that they are there."""
        said = [heard.json for heard in self.on("status")]
        return {it["process"] for it in said if it["status"] == "online"}

    def answers(self, name: str) -> list[Answer]:
        """All so far, in the order of their first pieces."""
        found: dict[str, Answer] = {}
        for heard in self.on(f"{name}/delta"):
            id = heard.json["generation_id"]
            found.setdefault(id, Answer(id)).take(heard.json)
        for kind in ("response", "error"):
            for heard in self.on(f"{name}/{kind}"):
                if (id := heard.json.get("generation_id")) is not None:
                    found.setdefault(id, Answer(id)).ends.append(heard)
        return list(found.values())

    async def answer(self, name: str, number: int = 1) -> Answer:
        """That answer, when it has ended."""

        def ended() -> bool:
            return len([each for each in self.answers(name) if each.ends]) >= number

        await until(ended, f"the end of answer {number} of {name}", self)
        return [each for each in self.answers(name) if each.ends][number - 1]

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        if _[2] != "Success":
            self.refused.append(str(_[2]))
            return
        client.subscribe(self._topics, 1)

    def _on_subscribe(self, *_: object) -> None:
        self.subscriptions += 1

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        said = getattr(message, "properties", None)
        correlation = getattr(said, "CorrelationData", None)
        self.heard.append(Heard(message.topic, bytes(message.payload), correlation))


async def until(
    condition: Callable[[], bool], what: str = "it", device: Device | None = None
) -> None:
    """Wait for it, and no longer than a failed test may."""
    for _ in itertools.count():
        if condition():
            return
        if _ * LOOK_SECONDS > PATIENCE_SECONDS:
            last = [] if device is None else [(it.topic, it.payload[:300]) for it in device.heard]
            raise AssertionError(f"{what} never came; heard {last[-20:]}")
        await asyncio.sleep(LOOK_SECONDS)
