"""`llmchat serve` over nothing but a file of weights, as somebody at home runs it."""

from collections.abc import AsyncIterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.client import Client
from tests.providers.asking import eventually
from tests.reader import Reader
from tests.service import Service

LOCAL = "mine/tiny"


@pytest.fixture
async def service(model_file: Path, tmp_path: Path) -> AsyncIterator[Service]:
    table = f'[providers.mine]\nkind = "gguf"\npath = "{model_file}"\n'
    (tmp_path / "llmchat.toml").write_text(table)
    async with Service(tmp_path, LLMCHAT_ON_CRASH="continue").running() as running:
        yield running


async def test_it_is_the_model_that_answers(service: Service) -> None:
    async with service.client() as client:
        listed = (await client.http.get("/api/llm/models")).json()
        asked = {"prompt": "hello", "params": {"max_tokens": 20}}
        answer = (await client.http.post("/api/llm/generate", json=asked)).json()

    assert listed["default"] == answer["model"] == LOCAL
    assert answer["finish_reason"] == "length"
    assert answer["usage"]["output_tokens"] == 20


async def test_an_answer_goes_on_where_kill_9_has_cut_it_off(service: Service) -> None:
    async with service.client() as client:
        conversation = await client.conversation()
        sent, reader = await begun(client, conversation)
        await service.kill()
        # What was started with it has ended with it.
        await eventually(lambda: programs(service) == [])
        shown = reader.text
        await service.start()
        await reader.read_until(lambda now: len(now.text) > len(shown) + 500)
        await client.stop(sent)
        await reader.read_to_end()
        generation = await client.generation(sent)

    assert (reader.status, generation["attempt"]) == ("stopped", 2)
    assert "reset" not in [event.name for event in reader.events]
    assert reader.text.startswith(shown)
    assert reader.text == generation["text"]


async def test_sigterm_ends_both(service: Service) -> None:
    service.settings["LLMCHAT_SHUTDOWN_GRACE_SECONDS"] = "0"
    await service.kill()
    await service.start()
    async with service.client() as client:
        await begun(client, await client.conversation())
        assert len(programs(service)) == 1
        assert await service.terminate() == 0
    assert programs(service) == []


async def test_a_file_that_is_not_there_is_a_sentence(service: Service, model_file: Path) -> None:
    table = '[providers.mine]\nkind = "gguf"\npath = "away.gguf"\n'
    (service.data_dir.parent / "llmchat.toml").write_text(table)
    await service.kill()
    await service.start()
    async with service.client() as client:
        asked = {"prompt": "hello", "model": "mine/away"}
        refused = (await client.http.post("/api/llm/generate", json=asked)).json()

    assert refused["status"] == 503
    assert refused["detail"].startswith("away.gguf cannot be read (No such file or directory)")


async def begun(client: Client, conversation: str) -> tuple[str, Reader]:
    sent = await client.send(conversation, params={"temperature": 0})
    reader = client.reader(sent.generation_id)
    return sent.generation_id, await reader.read_until(lambda now: len(now.text) > 50)


def programs(service: Service) -> list[int]:
    """The llama.cpp of this service, alive or left behind."""
    files = str(service.data_dir.parent)
    found = psutil.process_iter(["cmdline", "cwd", "status"])
    return [
        process.pid
        for process in found
        if "llmchat.providers.llama_program" in (process.info["cmdline"] or ())
        and process.info["cwd"] == files
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
