"""Going on with an answer, where the server dies while it does."""

from pathlib import Path

import pytest

from tests.client import Client, Json
from tests.e2e.conftest import upstream_settings
from tests.service import Service
from tests.upstream import Upstream, answer_text, mock_model

TOKENS = 300
WHOLE = answer_text(tokens=TOKENS)
# Slow: however late it is stopped, or killed, on a busy machine, it has not come to its end.
SLOW = mock_model(tokens=TOKENS, rate=20)
FASTER = f"local/{mock_model(tokens=TOKENS, rate=60)}"


async def stopped_answer(client: Client, model: str = f"local/{SLOW}") -> tuple[str, Json]:
    """The conversation, and an answer that was stopped on its way."""
    id = await client.conversation()
    sent = await client.send(id, "tell me a story", model=model)
    reader = await client.reader(sent.generation_id).read_until(lambda it: len(it.text) > 50)
    assert reader.terminal is None
    await client.stop(sent.generation_id)
    return id, await client.message(id, sent.reply_id)


async def gone_on(client: Client, message: Json, model: str = FASTER) -> Json:
    path = f"/api/messages/{message['id']}/continue"
    response = await client.http.post(path, json={"model": model})
    assert response.status_code == 202, response.text
    return dict(response.json())


@pytest.mark.parametrize("on_crash", ["mark", "continue", "restart"])
async def test_what_is_gone_on_with_outlives_kill_9(
    tmp_path: Path, upstream: Upstream, on_crash: str
) -> None:
    settings = upstream_settings(upstream) | {"LLMCHAT_ON_CRASH": on_crash}
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        id, old = await stopped_answer(client)
        made = await gone_on(client, old)
        reader = client.reader(made["generation"]["id"])
        await reader.read_until(lambda it: len(it.text) > len(old["content"]) + 50)
        shown = reader.text
        await service.kill()
        await service.start()
        await reader.read_to_end()
        message = await client.message(id, made["reply"]["id"])

    assert shown.startswith(old["content"])
    assert reader.text == message["content"]
    assert message["content"].startswith(old["content"])
    assert WHOLE.startswith(message["content"])
    if on_crash == "mark":
        assert message["status"] == "interrupted"
        assert message["content"].startswith(shown)
    else:
        assert message["content"] == WHOLE


async def test_a_server_that_cannot_be_prefilled_is_asked_in_words(
    tmp_path: Path, upstream: Upstream
) -> None:
    settings = upstream_settings(upstream)
    async with Service(tmp_path, **settings).running() as service, service.client() as client:
        id, old = await stopped_answer(client, f"openai/{SLOW}")
        made = await gone_on(client, old, FASTER.replace("local/", "openai/"))
        await client.read(made["generation"]["id"])
        message = await client.message(id, made["reply"]["id"])

    *_, begun, wish = upstream.completions[-1].body["messages"]
    assert begun == {"role": "assistant", "content": old["content"]}
    assert wish["role"] == "user"
    assert "Go on exactly where it ends" in wish["content"]
    # This one begins anew all the same: what it repeats is not shown twice.
    assert message["content"] == WHOLE
