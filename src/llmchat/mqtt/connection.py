"""One connection to a broker, over aiomqtt, from its opening to its end."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiomqtt
from paho.mqtt import properties
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, MQTTMessage
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from llmchat.errors import Unavailable
from llmchat.mqtt.acks import Acks
from llmchat.mqtt.base import Delivery, Envelope

# Its lines say less than ours, and one for each call.
_QUIET = logging.getLogger("llmchat.mqtt.wire")
_QUIET.setLevel(logging.CRITICAL)


def _read_text(buffer: bytes, most_bytes: int) -> tuple[str, int]:
    """The text of a property, and how many bytes it takes. paho's own refuses U+FEFF, which MQTT 5
    lets through (1.5.4): whoever sends one would cut our connection, again at each redelivery."""
    length = int.from_bytes(buffer[:2], "big")
    if most_bytes < 2 or length > most_bytes - 2:
        raise MalformedPacket("A text is longer than its packet")
    return bytes(buffer[2 : 2 + length]).decode("utf-8", "replace"), length + 2


setattr(properties, "readUTF", _read_text)  # noqa: B010 - not as a name that mypy would check

MOST_UNSTORED = 32
"""So many messages a broker has under way to us at once (MQTT 5)."""
_ANSWER_SECONDS = 10.0
_KEEP_ALIVE_SECONDS = 20
_ROOM_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and how it knows us. `password` is not shown. `session_seconds` is how long it
    keeps for us what comes while we are away."""

    host: str
    port: int
    tls: bool
    client_id: str
    version: Literal["5", "3.1.1"]
    session_seconds: int
    most_bytes: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for every connection. `online` is published when it begins, the broker publishes
    `offline` when it breaks; both are kept for whoever comes later."""

    filters: tuple[str, ...]
    status: str
    online: bytes
    offline: bytes


@asynccontextmanager
async def connected(
    broker: Broker, standing: Standing, hear: Callable[[Delivery], None]
) -> AsyncGenerator[aiomqtt.Client, None]:
    """A connection, closed behind it. Raises MqttError."""
    client = _client(broker, standing)
    paho = client._client  # noqa: SLF001 - aiomqtt acknowledges before anything is stored
    acks = Acks(lambda number: paho.ack(number, 1))

    def on_message(_: object, __: object, message: MQTTMessage) -> None:
        hear(_delivery(message, acks, broker.client_id))

    paho.manual_ack_set(True)
    paho.on_message = on_message
    try:
        async with client:
            yield client
    finally:
        # One that ends in a timeout would stay open, with its reader in the loop.
        paho._sock_close()  # noqa: SLF001


async def probe(broker: Broker) -> None:
    """Connect once, and leave nothing behind. Raises Unavailable."""
    five = broker.version == "5"
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=broker.client_id,
        protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
        logger=_QUIET,
        timeout=_ANSWER_SECONDS,
        tls_params=aiomqtt.TLSParameters(ca_certs=broker.ca_file) if broker.tls else None,
    )
    try:
        async with client:
            pass
    except aiomqtt.MqttError as error:
        raise Unavailable(f"The MQTT broker {broker.address} lets nobody in: {error}.") from error


def _client(broker: Broker, standing: Standing) -> aiomqtt.Client:
    five = broker.version == "5"
    version = aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier=broker.client_id,
        protocol=version,
        logger=_QUIET,
        keepalive=_KEEP_ALIVE_SECONDS,
        timeout=_ANSWER_SECONDS,
        # The session is kept: what comes while we are away waits for us.
        clean_session=None if five else False,
        clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
        properties=_connect_properties(broker) if five else None,
        tls_params=aiomqtt.TLSParameters(ca_certs=broker.ca_file) if broker.tls else None,
        will=aiomqtt.Will(standing.status, standing.offline, qos=1, retain=True),
    )


def _connect_properties(broker: Broker) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = broker.session_seconds
    properties.ReceiveMaximum = MOST_UNSTORED
    # What is not much too large still comes, and is told so; a broker drops the rest in silence.
    properties.MaximumPacketSize = 2 * broker.most_bytes + _ROOM_BYTES
    return properties


def _delivery(message: MQTTMessage, acks: Acks, client_id: str) -> Delivery:
    done = acks.expect(message.mid) if message.qos else _nothing
    packet = f"{client_id} {message.mid}" if message.qos else None
    said = getattr(message, "properties", None)
    users = dict(getattr(said, "UserProperty", ()))
    return Delivery(
        message.topic,
        bytes(message.payload),
        message.qos,
        bool(message.retain),
        done,
        Envelope(
            getattr(said, "ResponseTopic", None),
            getattr(said, "CorrelationData", None),
            users.get("id"),
            getattr(said, "ContentType", None),
            packet,
            bool(message.dup),
        ),
    )


def _nothing() -> None:
    """Of QoS 0 nothing is acknowledged."""
