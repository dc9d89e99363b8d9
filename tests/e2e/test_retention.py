"""P4: a log past its retention says so, and its message stays."""

import asyncio
from pathlib import Path

import pytest

from tests.client import Client
from tests.reader import Refused
from tests.service import PATIENCE_SECONDS, Service
from tests.upstream import answer_text

LOOK_SECONDS = 0.05


async def until_gone(client: Client, generation_id: str) -> Refused:
    """Read the finished stream again and again until it is refused."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await client.read(generation_id)
            except Refused as refused:
                return refused
            await asyncio.sleep(LOOK_SECONDS)


async def test_an_expired_log_is_410_and_the_message_is_in_the_history(tmp_path: Path) -> None:
    text = answer_text(tokens=50)
    settings: dict[str, str | float] = {"LLMCHAT_LOG_RETENTION_SECONDS": 1}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        conversation = await client.conversation(model="demo/story")
        params = {"extra": {"tokens": 50, "tokens_per_second": 50}}
        sent = await client.send(conversation, params=params)
        whole = await client.read(sent.generation_id)
        refused = await until_gone(client, sent.generation_id)
        assert refused.response.status_code == 410
        assert refused.response.json()["type"] == "log_expired"
        with pytest.raises(Refused, match="410"):
            await client.reader(sent.generation_id, after=1).read_on()
        message = await client.message(conversation, sent.reply_id)
        generation = await client.generation(sent.generation_id)
        assert message["content"] == generation["text"] == whole.text == text
        assert message["status"] == generation["status"] == "complete"
        assert generation["last_event_id"] == whole.cursor
        stopped = await client.stop(sent.generation_id)
        assert stopped == {"status": "complete", "last_event_id": whole.cursor}
