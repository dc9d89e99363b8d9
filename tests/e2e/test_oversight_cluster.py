"""What an admin sees and stops, over two processes: it is the same, whichever is asked."""

from pathlib import Path
from typing import Any

import pytest

from tests.client import Client
from tests.cluster import Cluster
from tests.reader import Reader

pytestmark = pytest.mark.embedded

LONG = {"extra": {"tokens": 5000, "tokens_per_second": 20}}


async def test_an_answer_is_seen_and_stopped_from_another_process(tmp_path: Path) -> None:
    async with Cluster(tmp_path, {}).running() as cluster, cluster.clients() as (one, other):
        sent = await one.send(await one.conversation(model="demo/story"), params=LONG)
        reader: Reader = one.reader(sent.generation_id)
        here, there = await seen(one), await seen(other)
        assert here["id"] == there["id"] == sent.generation_id
        assert (here["here"], there["here"]) == (True, False)
        assert here["process"] == there["process"]
        while not (await seen(other))["output_tokens"]:
            pass

        path = f"/api/admin/generations/{sent.generation_id}/stop"
        stopped = (await other.http.post(path)).raise_for_status().json()

        assert stopped["status"] == "stopped"
        await reader.read_to_end()
        assert reader.cursor == stopped["last_event_id"]
        assert (await other.http.get("/api/admin/generations")).json() == {"items": []}


async def seen(client: Client) -> Any:
    answer = await client.http.get("/api/admin/generations")
    (found,) = answer.raise_for_status().json()["items"]
    return found
