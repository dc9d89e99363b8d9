"""Whether the broker is there, for whoever watches the service."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2

from tests.figures import figures_of
from tests.mosquitto import Mosquitto
from tests.mqtt.conftest import open_service
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS


async def test_a_broker_that_is_away_degrades_and_closes_no_other_door(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "mosquitto")
    with open_service(tmp_path, broker) as url:
        async with httpx2.AsyncClient(base_url=url) as http:
            for state, status in (("away", "degraded"), ("connected", "ok"), ("away", "degraded")):
                found = await health_when(http, state)
                assert (found["status"], found["reasons"]) == (status, [])
                assert (await http.get("/health/ready")).status_code == 200
                figures = await figures_of(http)
                for each in ("away", "connected"):
                    assert figures.sum("llmchat_mqtt_connections", state=each) == (each == state)
                await (broker.kill() if state == "connected" else broker.start())
            await broker.kill()


async def health_when(http: httpx2.AsyncClient, mqtt: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found: dict[str, Any] = (await http.get("/health")).json()
            if found["mqtt"] == mqtt:
                return found
            await asyncio.sleep(LOOK_SECONDS)
