"""The custom WebSocket model behind the service: from the settings to the stream, and a stop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.client import Client
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "sk-the-custom-one"
NAMED = mock_model(tokens=30, rate=300)
ENDLESS = f"mine/{mock_model(tokens=1_000_000, rate=200, style='token')}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def custom(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    """With one provider in a table, and one that only the environment names."""
    folder: Path = tmp_path_factory.mktemp("custom")
    config = folder / "mine.toml"
    config.write_text(
        f"""
        [providers.mine]
        kind = "websocket"
        urls = "{shared_upstream.websocket_url}?key=hush-hush"
        api_key = "sk-mine"
        headers = {{ X-API-Version = "v1", X-Client-ID = "llmchat" }}
        metadata = {{ tenant = "a" }}
        timestamp_field = false
        """,
        encoding="utf-8",
    )
    settings = {
        "LLMCHAT_CONFIG": str(config),
        "LLM_WEBSOCKET_URL": shared_upstream.websocket_url,
        "LLM_API_KEY": KEY,
        "LLM_MODEL_NAME": NAMED,
    }
    async with Service(folder, **settings).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(custom: Service) -> AsyncIterator[Client]:
    async with custom.client() as connected:
        yield connected


async def test_the_environment_alone_makes_a_model(client: Client, upstream: Upstream) -> None:
    listed = (await client.http.get("/api/llm/models")).json()
    ids = [model["id"] for model in listed["items"]]
    assert {f"websocket/{NAMED}", "mine/default"} <= set(ids)

    upstream.ledger.records.clear()
    conversation = await client.conversation()
    sent = await client.send(conversation, "hello", model=f"websocket/{NAMED}")
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=30))
    (asked,) = upstream.completions
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (asked.body["message"], asked.body["model"]) == ("hello", NAMED)


async def test_a_table_makes_another(client: Client, upstream: Upstream) -> None:
    conversation = await client.conversation(model="mine/default")
    first = await client.send(conversation, "first words")
    assert (await client.read(first.generation_id)).text == "first words"
    params = {"temperature": 0.5, "max_tokens": 1}
    second = await client.send(conversation, "second words", params=params)
    assert (await client.read(second.generation_id)).text == "second "

    asked = upstream.completions[-1]
    assert asked.headers["authorization"] == "Bearer sk-mine"
    assert (asked.headers["x-api-version"], asked.headers["x-client-id"]) == ("v1", "llmchat")
    assert asked.body == {
        "message": "second words",
        "metadata": {"session_context": {}, "tenant": "a"},
        "messages": [
            {"role": "user", "content": "first words"},
            {"role": "assistant", "content": "first words"},
            {"role": "user", "content": "second words"},
        ],
        "settings": {"temperature": 0.5, "max_tokens": 1, "stream": True},
    }


async def test_a_stop_reaches_the_model(client: Client, upstream: Upstream) -> None:
    sent = await client.send(await client.conversation(), model=ENDLESS)
    await upstream.tokens_sent(20)
    assert (await client.stop(sent.generation_id))["status"] == "stopped"

    record = await upstream.client_gone()
    assert not record.finished
    reader = await client.read(sent.generation_id)
    assert reader.status == "stopped"
    assert reader.text
    assert answer_text(tokens=10_000).startswith(reader.text)


async def test_an_error_of_the_model_says_what_to_do(client: Client, upstream: Upstream) -> None:
    for fail, problem_type, says in (
        ("error-object", "upstream_unavailable", "failed with 500; try again in a moment"),
        ("close-4401", "upstream_unauthorized", "refused the API key (401): check the key"),
        ("truncate", "upstream_truncated", "ask again for a whole one"),
    ):
        model = f"mine/{mock_model(tokens=9, fail=fail, after=3)}"
        sent = await client.send(await client.conversation(), model=model)
        reader = await client.read(sent.generation_id)

        assert (reader.status, reader.text) == ("failed", "t0 t1 t2 ")
        assert reader.terminal is not None
        problem = reader.terminal.data["problem"]
        assert problem["type"] == problem_type
        assert says in problem["detail"]
    assert len(upstream.completions) == 3


async def test_health_asks_for_a_connection_and_shows_no_key(
    client: Client, upstream: Upstream, custom: Service
) -> None:
    health = (await client.http.get("/api/llm/health")).text
    assert "ws://127.0.0.1:" in health
    assert '"mine"' in health
    assert upstream.handshakes
    for shown in (health, custom.log):
        assert KEY not in shown
        assert "hush-hush" not in shown
