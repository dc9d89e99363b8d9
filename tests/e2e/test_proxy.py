"""nginx, configured as deploy/nginx.conf says, in front of two processes of which one goes away."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.client import Client, connect
from tests.cluster import Cluster
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS, Process
from tests.programs import program
from tests.service import Service, free_port, listens

pytestmark = pytest.mark.embedded

CONF = Path(__file__).parents[2] / "deploy" / "nginx.conf"
SERVER = "server llmchat-worker:8000 resolve max_fails=0;"
"""What only Docker can resolve, and Debian's nginx is too old to resolve anew."""
SETTINGS: dict[str, str | float] = {"LLMCHAT_ON_CRASH": "continue", "LLMCHAT_LEASE_SECONDS": 1}
LONG = {"extra": {"tokens": 500, "tokens_per_second": 100}}
WHOLE = "".join(f"t{number} " for number in range(500))
READERS = 4
SHOWN_CHARS = 100


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(tmp_path, SETTINGS).running() as running:
        yield running


@asynccontextmanager
async def proxy(folder: Path, services: Sequence[Service]) -> AsyncIterator[Client]:
    """A client that knows no address but nginx's."""
    port = free_port()
    servers = "".join(SERVER.replace("llmchat-worker:8000 resolve", _at(it)) for it in services)
    text = CONF.read_text()
    assert text.count(SERVER) == text.count("listen 8000;") == 1
    conf = folder / "nginx.conf"
    conf.write_text(
        text.replace(SERVER, servers).replace("listen 8000;", f"listen 127.0.0.1:{port};")
    )
    nginx = Process(folder / "nginx.log")
    nginx.launch([program("nginx"), "-p", folder, "-c", conf, "-g", "daemon off;"], folder)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not listens(port):
                assert nginx.alive, nginx.log
                await asyncio.sleep(LOOK_SECONDS)
        async with connect(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        # Not killed: its workers would go on without it.
        nginx.signal(signal.SIGTERM)
        await nginx.exit_code()


def _at(service: Service) -> str:
    return f"127.0.0.1:{service.port}"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_readers_behind_a_proxy_go_on_when_a_process_goes(
    cluster: Cluster, tmp_path: Path, how: signal.Signals
) -> None:
    async with proxy(tmp_path, cluster.services) as client:
        sent = await client.send(await client.conversation(model="demo/story"), params=LONG)
        readers = [client.reader(sent.generation_id) for _ in range(READERS)]
        reading = [asyncio.create_task(it.read_to_end()) for it in readers]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(len(it.text) < SHOWN_CHARS for it in readers):  # noqa: ASYNC110 - a reader sets no Event
                await asyncio.sleep(LOOK_SECONDS)
        assert (await client.generation(sent.generation_id))["status"] == "streaming"
        cluster.services[0].signal(how)
        await asyncio.gather(*reading)
        assert [it.text for it in readers] == [WHOLE] * READERS
        assert {it.status for it in readers} == {"complete"}
        assert any(len(it.retries) > 1 for it in readers), "all were connected to the other one"

        again = await client.send(await client.conversation(model="demo/echo"), "still there?")
        assert (await client.read(again.generation_id)).text == "You said: still there?"
