"""A service whose model speaks another dialect: its answer streams, and a stop reaches it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model, mock_upstream

DIALECTS = {"ollama": "/api/chat", "anthropic": "/v1/messages"}
"""Each kind of provider, and where it asks."""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as running:
        yield running


@pytest.fixture
async def client(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Client]:
    tables = (
        f"[providers.mine-{kind}]\nkind = '{kind}'\nbase_url = '{upstream.base_url}'\n"
        for kind in DIALECTS
    )
    (tmp_path / "llmchat.toml").write_text("".join(tables))
    service = Service(tmp_path, LLMCHAT_CONFIG=str(tmp_path / "llmchat.toml"))
    async with service.running(), service.client() as connected:
        yield connected


@pytest.mark.parametrize("kind", DIALECTS)
async def test_an_answer_streams_and_a_stop_reaches_the_model(
    kind: str, client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(system_prompt="be brief")
    model = f"mine-{kind}/{mock_model(tokens=20, reasoning=3)}"
    sent = await client.send(conversation, "hello there", model=model)
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=20))
    reply = await client.message(conversation, sent.reply_id)
    assert (reply["content"], reply["reasoning"]) == (answer_text(tokens=20), "r0 r1 r2 ")
    assert (reply["usage"]["output_tokens"], reply["usage"]["estimated"]) == (23, False)

    endless = f"mine-{kind}/{mock_model(tokens=1_000_000, rate=200)}"
    going = await client.send(conversation, "go on", model=endless)
    await upstream.tokens_sent(20, attempt=1)
    assert (await client.stop(going.generation_id))["status"] == "stopped"
    record = await upstream.client_gone(attempt=1)
    assert (record.path, record.finished) == (DIALECTS[kind], False)

    silent = await client.send(
        conversation, model=f"mine-{kind}/{mock_model(fail='silence-before')}"
    )
    await upstream.tokens_sent(0, attempt=2)
    assert (await client.stop(silent.generation_id))["status"] == "stopped"
    await upstream.client_gone(attempt=2)


async def test_its_models_and_its_health_are_told(client: Client, upstream: Upstream) -> None:
    models = (await client.http.get("/api/llm/models")).json()["items"]
    assert {f"mine-{kind}/story" for kind in DIALECTS} <= {model["id"] for model in models}
    root_url = upstream.root_url
    await upstream.server.__aexit__(None, None, None)
    health = (await client.http.get("/api/llm/health")).json()["providers"]
    down = {found["provider"]: found["detail"] for found in health if found["status"] == "down"}
    assert set(down) == {f"mine-{kind}" for kind in DIALECTS}
    assert f"Ollama is not running at {root_url}: start it with" in down["mine-ollama"]
    assert "cannot be reached; check that it runs" in down["mine-anthropic"]
