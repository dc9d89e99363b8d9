"""A broker and a service behind it for each module of tests, and a device."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.client import Client, connect
from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device
from tests.web.conftest import captured_logs as captured_logs  # noqa: PLC0414 - a fixture
from tests.web.conftest import serving

ECHO = "demo/echo"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.kill())


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[str]:
    """An open service with the demo models only."""
    with open_service(tmp_path_factory.mktemp("service"), broker) as url:
        yield url


def open_service(folder: Path, broker: Mosquitto, **settings: Any) -> AbstractContextManager[str]:
    return serving(folder, mqtt_url=broker.url, default_model=ECHO, **settings)


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[Client]:
    async with connect(base_url) as client:
        yield client


@pytest.fixture
async def device(broker: Mosquitto, base_url: str) -> AsyncIterator[Device]:
    with Device(broker) as device:
        yield await device.listening()
