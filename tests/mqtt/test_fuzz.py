"""Whatever a device sends: it is answered or refused, once each, and the next one is heard."""

import asyncio
import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mosquitto import Mosquitto
from tests.mqtt.device import Device, until

numbers = itertools.count()
WORDS = st.sampled_from(
    ["content", "id", "model", "params", "on_busy", "system_prompt", "generation_id", "after"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)
FAST = {"extra": {"tokens_per_second": 0}, "max_tokens": 3}
PAYLOADS = (
    st.binary(max_size=200)
    | st.dictionaries(WORDS, JSON, max_size=5).map(lambda it: json.dumps(it).encode())
    | st.text(min_size=1, max_size=20).map(
        lambda it: json.dumps({"content": it, "params": FAST}).encode("utf-8", "surrogatepass")
    )
)


@pytest.mark.usefixtures("base_url")
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PAYLOADS, min_size=10, max_size=20))
def test_every_payload_gets_one_answer(broker: Mosquitto, payloads: list[bytes]) -> None:
    asyncio.run(every_payload_gets_one_answer(broker, payloads))


async def every_payload_gets_one_answer(broker: Mosquitto, payloads: list[bytes]) -> None:
    names = [f"fuzz-{next(numbers)}" for _ in payloads]
    with Device(broker) as device:
        await device.listening()
        for name, payload in zip(names, payloads, strict=True):
            for command in ("stop", "resume", "input"):
                device.publish(f"llmchat/{name}/{command}", payload)
        for name in names:
            # The resume of nothing is always refused; the stop of nothing mostly.

            def told(name: str = name) -> bool:
                return len(device.on(f"{name}/error")) + len(device.on(f"{name}/response")) >= 3

            await until(told, name, device)
            for heard in device.on(f"{name}/error"):
                assert heard.json["status"] < 500, heard
