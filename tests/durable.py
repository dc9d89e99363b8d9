"""A service over an upstream that keeps its answers, and one answer of it in the middle."""

import asyncio
from pathlib import Path
from typing import Any

from llmchat.mock.ledger import ResponseRecord
from tests.client import Client, Sent
from tests.reader import Reader
from tests.upstream import Upstream, answer_text, mock_model

TOKENS = 600
RATE = 200
STORY = answer_text(tokens=TOKENS)
PACED = f"up/{mock_model(tokens=TOKENS, rate=RATE)}"
ENDLESS = f"up/{mock_model(tokens=1_000_000, rate=RATE)}"


def settings_of(folder: Path, upstream: Upstream) -> dict[str, str | float]:
    config = folder / "llmchat.toml"
    config.write_text(f'[providers.up]\nkind = "openai-responses"\nurl = "{upstream.base_url}"\n')
    return {"LLMCHAT_CONFIG": str(config), "LLMCHAT_SHUTDOWN_GRACE_SECONDS": 0}


async def begun(
    client: Client, model: str = PACED, *, tokens: int = 20, **fields: Any
) -> tuple[Sent, Reader]:
    """An answer in the middle, and a reader who has seen that much."""
    sent = await client.send(await client.conversation(), model=model, **fields)
    reader = client.reader(sent.generation_id)
    async with asyncio.timeout(30):
        await reader.read_until(lambda it: len(it.text.split()) >= tokens)
    return sent, reader


async def check_whole(client: Client, sent: Sent, reader: Reader) -> None:
    assert (reader.status, reader.text) == ("complete", STORY)
    assert "reset" not in {event.name for event in reader.events}
    stored = await client.message(sent.message["conversation_id"], sent.reply_id)
    assert (stored["status"], stored["content"]) == ("complete", STORY)
    replay = await client.read(sent.generation_id)
    assert (replay.status, replay.text) == ("complete", STORY)


def the_only(upstream: Upstream) -> ResponseRecord:
    """All that was ever asked for is one answer."""
    [response] = upstream.ledger.responses
    return response
