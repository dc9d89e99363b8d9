"""The MQTT door, put together, where the settings name a broker."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from llmchat import seats
from llmchat.errors import ExtraMissing
from llmchat.ids import KeyId, WorkerId, new_id
from llmchat.mqtt import outputs
from llmchat.mqtt.lanes import Lanes
from llmchat.mqtt.publishing import Publisher
from llmchat.mqtt.speakers import Allowed, Speakers
from llmchat.mqtt.taking import Taking
from llmchat.mqtt.topics import Topics
from llmchat.mqtt.unpublished import Unpublished
from llmchat.parts import Parts
from llmchat.settings import Settings
from llmchat.store.publications import SqlPublicationStore
from llmchat.web.deps import Broker as Seen
from llmchat.web.deps import Services

if TYPE_CHECKING:
    from llmchat.mqtt.connection import Broker
    from llmchat.mqtt.door import MqttDoor
    from llmchat.mqtt.link import MqttLink

_PORT, _TLS_PORT = 1883, 8883


@asynccontextmanager
async def open_door(parts: Parts, use: Services) -> AsyncGenerator[None, None]:
    """Nothing, unless there is a broker. Raises ExtraMissing, StorageUnavailable."""
    if parts.settings.mqtt_url is None:
        yield
        return
    _require()
    with seats.taken(parts.settings.data_dir) as seat:
        async with _door(parts, use, _client_id(parts.settings, seat)):
            yield


async def ask_broker(settings: Settings) -> None:
    """Whether it lets us in. Raises ExtraMissing, Unavailable with the reason."""
    _require()
    from llmchat.mqtt.connection import probe

    await probe(_broker(settings, new_id("check")))


def _door(parts: Parts, use: Services, client_id: str) -> "MqttDoor":
    from llmchat.mqtt.door import MqttDoor

    settings, shared = parts.settings, parts.engines.shared
    topics = Topics(settings.mqtt_prefix)
    link = _link(settings, topics, client_id, use.broker)
    speakers = _speakers(parts)
    publications, worker = SqlPublicationStore(parts.engines.database), WorkerId(new_id("worker"))
    unpublished = Unpublished(
        publications,
        worker,
        shared=shared,
        lease_seconds=settings.lease_seconds,
        clock=time.monotonic,
    )
    publisher = Publisher(
        topics=topics,
        link=link,
        speakers=speakers,
        chat=use.chat,
        publications=publications,
        worker=worker,
        unpublished=unpublished,
    )
    parts.news.listen(publisher.hear)
    taking = Taking(
        topics=topics,
        link=link,
        speakers=speakers,
        chat=use.chat,
        speaking=use.speaking,
        history=use.history,
        models=use.models,
        publications=publications,
        publisher=publisher,
        most_bytes=settings.max_body_bytes,
        now=parts.now,
    )
    lanes = Lanes(taking.take)
    return MqttDoor(
        link=link,
        lanes=lanes,
        publisher=publisher,
        rooms=use.rooms,
        process=client_id,
        shared=shared,
    )


def _link(settings: Settings, topics: Topics, client_id: str, seen: Seen) -> "MqttLink":
    from llmchat.mqtt.connection import Standing
    from llmchat.mqtt.link import MqttLink

    standing = Standing(
        tuple(topics.filters(settings.mqtt_group)),
        topics.status,
        outputs.status(online=True, process=client_id),
        outputs.status(online=False, process=client_id),
    )

    def tell(connected: bool) -> None:
        seen.connected = connected

    tell(False)
    return MqttLink(_broker(settings, client_id), standing, tell)


def _broker(settings: Settings, client_id: str) -> "Broker":
    from llmchat.mqtt.connection import Broker

    url = urlsplit(settings.mqtt_url or "")
    tls = url.scheme == "mqtts"
    return Broker(
        host=url.hostname or "",
        port=url.port or (_TLS_PORT if tls else _PORT),
        tls=tls,
        client_id=client_id,
        version=settings.mqtt_version,
        session_seconds=settings.mqtt_session_seconds,
        most_bytes=settings.max_body_bytes,
        username=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
        ca_file=settings.mqtt_ca_file,
    )


def _speakers(parts: Parts) -> Speakers:
    settings = parts.settings
    allowed = [
        Allowed(it.topics, _key(it.key or settings.mqtt_key_id), it.responses)
        for it in settings.mqtt.allow
    ]
    if settings.mqtt_key_id is not None:
        allowed.append(Allowed("+", _key(settings.mqtt_key_id)))
    keys = parts.entrance.keys if settings.auth == "keys" else None
    return Speakers(allowed, keys, parts.entrance.rates, settings.requests_per_minute)


def _key(id: str | None) -> KeyId | None:
    return None if id is None else KeyId(id)


def _client_id(settings: Settings, seat: seats.Seat) -> str:
    if settings.mqtt_client_id is None:
        return f"llmchat-{seat.name}"
    return settings.mqtt_client_id + (f"-{seat.number}" if seat.number else "")


def _require() -> None:
    if find_spec("aiomqtt") is None:
        raise ExtraMissing(
            "LLMCHAT_MQTT_URL is set, and the package for it is missing: "
            'pip install "llmchat[mqtt]", or unset it.'
        )
