"""Two llmchats, one the model's server of the other: whichever dies, its answer is one text, and
was generated once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.durable import begun
from tests.service import Service
from tests.upstream import answer_text

pytestmark = pytest.mark.embedded

TOKENS = 300
RATE = 100
STORY = answer_text(tokens=TOKENS)


@pytest.fixture
async def lower(tmp_path: Path, on_crash: str) -> AsyncIterator[Service]:
    async with Service(tmp_path / "lower", LLMCHAT_ON_CRASH=on_crash).running() as running:
        yield running


@pytest.fixture
async def upper(tmp_path: Path, lower: Service) -> AsyncIterator[Service]:
    """With the default `on_crash`: it asks nobody again."""
    folder = tmp_path / "upper"
    folder.mkdir()
    config = folder / "llmchat.toml"
    config.write_text(
        f'[providers.low]\nkind = "openai-responses"\nurl = "{lower.base_url}/v1"\n'
        'models = ["demo/story"]\n'
    )
    async with Service(folder, LLMCHAT_CONFIG=str(config)).running() as running:
        yield running


async def the_only_answer(client: Client) -> str:
    """All that was ever generated there, in any conversation."""
    conversations = (await client.http.get("/api/conversations?limit=100")).json()["items"]
    messages = [m for it in conversations for m in await client.messages(it["id"])]
    [answer] = [message for message in messages if message["role"] == "assistant"]
    return str(answer["content"])


@pytest.mark.parametrize(
    ("dies", "on_crash"),
    [("upper", "mark"), ("lower", "continue"), ("lower", "restart")],
    ids=["the upper", "the lower, which goes on", "the lower, which begins anew"],
)
async def test_nothing_is_lost_and_nothing_generated_twice(
    lower: Service, upper: Service, dies: str, on_crash: str
) -> None:
    async with upper.client() as client, lower.client() as below:
        params = {"extra": {"tokens": TOKENS, "tokens_per_second": RATE}}
        sent, reader = await begun(client, "low/demo/story", params=params)
        died = {"upper": upper, "lower": lower}[dies]
        await died.kill()
        await died.start()
        await reader.read_to_end()
        assert (reader.status, reader.text) == ("complete", STORY)
        # Of what begins anew nothing is spliced onto what there was.
        anew = "reset" in {event.name for event in reader.events}
        assert anew == (on_crash == "restart")
        stored = await client.message(sent.message["conversation_id"], sent.reply_id)
        assert (stored["status"], stored["content"]) == ("complete", STORY)
        assert await the_only_answer(below) == STORY
