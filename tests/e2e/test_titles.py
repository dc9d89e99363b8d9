"""A conversation is titled after its first answer: once, in the background, and when asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.e2e.watcher import Watcher
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.upstream import Upstream, mock_model, mock_upstream

TITLE = "The Quick Brown Fox"
TITLER = mock_model(text=f'<think>Hm.</think>"{TITLE}."', key="titler")
ANSWERS = "openai/" + mock_model(tokens=3)


@asynccontextmanager
async def serving(
    folder: Path, titles: str, **settings: str | float
) -> AsyncIterator[tuple[Service, Client, Upstream]]:
    async with mock_upstream() as upstream:
        chosen = upstream_settings(upstream) | {"LLMCHAT_TITLES": titles, "LLM_MAX_RETRIES": 1}
        service = Service(folder, **chosen, **settings)
        async with service.running(), service.client() as client:
            yield service, client, upstream


async def talk(
    client: Client, conversation: str, model: str = ANSWERS, *, question: str = "What jumps?"
) -> str:
    """A question and its whole answer; how that ended."""
    sent = await client.send(conversation, question, model=model)
    return str((await client.read(sent.generation_id)).status)


async def title(client: Client, conversation: str) -> str | None:
    found: str | None = (await client.show(conversation))["title"]
    return found


async def titled(client: Client, conversation: str) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if (found := await title(client, conversation)) is not None:
                return found
            await asyncio.sleep(LOOK_SECONDS)


def requests(upstream: Upstream, key: str) -> int:
    """How often a model was asked."""
    return sum(key in record.body["model"] for record in upstream.completions)


async def logged(service: Service, sentence: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if sentence in service.log:
                return
            await asyncio.sleep(LOOK_SECONDS)


def retitled(watcher: Watcher) -> bool:
    return any(name == "conversation" for name, _ in watcher.others)


async def test_every_tab_is_told_the_title_and_it_is_made_once(tmp_path: Path) -> None:
    async with serving(tmp_path, f"openai/{TITLER}") as (_, client, upstream):
        conversation = await client.conversation()
        watchers = [Watcher(client.http, conversation) for _ in range(3)]
        watching = [asyncio.create_task(it.watch_until(retitled)) for it in watchers]
        await asyncio.gather(*(it.opened.wait() for it in watchers))

        assert await talk(client, conversation) == "complete"
        await asyncio.gather(*watching)

        told = [data["title"] for it in watchers for name, data in it.others if name[0] == "c"]
        assert told == [TITLE] * 3
        assert await title(client, conversation) == TITLE
        asked = upstream.completions[1].body
        assert (asked["temperature"], asked["messages"][1]["role"]) == (0, "user")
        assert "What jumps?\n\nt0 t1 t2" in asked["messages"][1]["content"]

        # Titles are made in the order of the answers, as far as anybody can tell.
        await talk(client, conversation)
        await titled(client, await talked(client))
        assert requests(upstream, "titler") == 2


async def talked(client: Client) -> str:
    conversation = await client.conversation()
    assert await talk(client, conversation) == "complete"
    return conversation


async def test_the_model_that_answered_makes_it(tmp_path: Path) -> None:
    async with serving(tmp_path, "auto") as (_, client, upstream):
        conversation = await client.conversation()
        await talk(client, conversation, "openai/" + mock_model(text="Quick *foxes*."))
        assert await titled(client, conversation) == "Quick foxes"
        assert len({record.body["model"] for record in upstream.completions}) == 1


@pytest.mark.parametrize("titles", ["off", None])
async def test_nobody_is_asked_by_default(tmp_path: Path, titles: str | None) -> None:
    async with mock_upstream() as upstream:
        settings = upstream_settings(upstream) | ({"LLMCHAT_TITLES": titles} if titles else {})
        service = Service(tmp_path, **settings)
        async with service.running(), service.client() as client:
            first = await talked(client)
            await talk(client, first)
            assert len(upstream.completions) == 2
            assert await title(client, first) is None


async def test_a_title_that_somebody_gave_is_never_overwritten(tmp_path: Path) -> None:
    slow = mock_model(text="Too late", first_token_delay=0.5, key="titler")
    async with serving(tmp_path, f"openai/{slow}") as (_, client, upstream):
        conversation = await talked(client)
        await upstream.until(lambda: requests(upstream, "titler") == 1)
        mine = {"title": "Mine"}
        await client.http.patch(f"/api/conversations/{conversation}", json=mine)
        assert await titled(client, await talked(client)) == "Too late"

        assert await title(client, conversation) == "Mine"

        already = await client.conversation(title="Mine from the beginning")
        await talk(client, already)
        assert await titled(client, await talked(client)) == "Too late"
        assert await title(client, already) == "Mine from the beginning"
        assert requests(upstream, "titler") == 3


async def test_an_answer_that_failed_or_was_stopped_gives_no_title(tmp_path: Path) -> None:
    async with serving(tmp_path, f"openai/{TITLER}") as (_, client, upstream):
        conversation = await client.conversation()
        assert await talk(client, conversation, failing("truncate")) == "failed"
        endless = "openai/" + mock_model(tokens=1_000_000, rate=50)
        sent = await client.send(conversation, model=endless)
        await upstream.tokens_sent(1, attempt=1)
        await client.stop(sent.generation_id)
        await titled(client, await talked(client))
        assert await title(client, conversation) is None
        assert requests(upstream, "titler") == 1

        assert await talk(client, conversation) == "complete"
        assert await titled(client, conversation) == TITLE


def failing(kind: str) -> str:
    return "openai/" + mock_model(fail=kind, key="failing")


UNUSABLE: dict[str, str] = {
    "a server error": failing("http-500"),
    "no permission": failing("http-401"),
    "a broken answer": failing("truncate"),
    "no such provider": "nowhere/model",
}


@pytest.mark.thorough
@pytest.mark.parametrize("titles", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_model_that_fails_harms_nobody(tmp_path: Path, titles: str) -> None:
    async with serving(tmp_path, titles) as (service, client, _):
        conversation = await talked(client)
        await logged(service, "A conversation got no title")
        assert await title(client, conversation) is None
        assert await talk(client, conversation) == "complete"
        assert "background task failed" not in service.log


@pytest.mark.thorough
async def test_an_answer_that_is_no_title_sets_none(tmp_path: Path) -> None:
    silent = mock_model(text="<think>I wonder", key="titler")
    async with serving(tmp_path, f"openai/{silent}") as (_, client, upstream):
        conversation = await talked(client)
        await upstream.until(lambda: "What jumps?" in asked_for_titles(upstream))
        assert await talk(client, conversation, question="What else?") == "complete"
        assert await talk(client, await client.conversation(), question="Last?") == "complete"
        await upstream.until(lambda: "Last?" in asked_for_titles(upstream))
        assert await title(client, conversation) is None
        assert "What else?" not in asked_for_titles(upstream), "it is not the first answer"


def asked_for_titles(upstream: Upstream) -> str:
    """All that was finished of it."""
    records = [record for record in upstream.completions if "titler" in record.body["model"]]
    return "".join(record.body["messages"][-1]["content"] for record in records if record.finished)


async def test_a_title_makes_room_for_the_next_question(tmp_path: Path) -> None:
    silent = "one/" + mock_model(fail="silence-before", key="titler")
    answers = "one/" + mock_model(tokens=3)
    async with mock_upstream() as upstream:
        table = f"[providers.one]\nurl = '{upstream.base_url}'\nmax_concurrency = 1\n"
        (tmp_path / "llmchat.toml").write_text(table)
        service = Service(tmp_path, LLMCHAT_TITLES=silent)
        async with service.running(), service.client() as client:
            conversation = await client.conversation()
            assert await talk(client, conversation, answers) == "complete"
            await upstream.until(lambda: requests(upstream, "titler") == 1)
            assert await talk(client, conversation, answers) == "complete"
            await upstream.until(lambda: requests(upstream, "titler") == 2)


async def test_a_model_that_takes_no_temperature_is_asked_without(tmp_path: Path) -> None:
    strict = mock_model(text="Foxes", fail="http-400", fail_times=1, key="titler")
    async with serving(tmp_path, f"openai/{strict}") as (_, client, upstream):
        assert await titled(client, await talked(client)) == "Foxes"
        temperatures = [record.body.get("temperature") for record in upstream.completions]
        assert temperatures == [None, 0, None]


@pytest.mark.thorough
async def test_a_title_delays_neither_the_answer_nor_the_shutdown(tmp_path: Path) -> None:
    silent = "openai/" + mock_model(fail="silence-before", key="titler")
    grace = {"LLMCHAT_SHUTDOWN_GRACE_SECONDS": 600.0}
    async with serving(tmp_path, silent, **grace) as (service, client, upstream):
        await talked(client)
        await upstream.until(lambda: requests(upstream, "titler") == 1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await service.terminate() == 0
        await upstream.client_gone(attempt=1)
        assert "background task failed" not in service.log


@pytest.mark.thorough
async def test_a_crash_in_a_title_is_forgotten(tmp_path: Path) -> None:
    silent = "openai/" + mock_model(fail="silence-before", key="titler")
    async with serving(tmp_path, silent) as (service, client, upstream):
        conversation = await talked(client)
        await upstream.until(lambda: requests(upstream, "titler") == 1)
        await service.kill()
        await service.start()
        assert await title(client, conversation) is None
        assert await talk(client, conversation) == "complete"


@pytest.mark.thorough
async def test_so_many_at_once_and_no_more(tmp_path: Path) -> None:
    silent = "openai/" + mock_model(fail="silence-before", key="titler")
    async with serving(tmp_path, silent) as (service, client, upstream):
        await asyncio.gather(*(talked(client) for _ in range(7)))
        await logged(service, "Too many titles at once")
        enough: Callable[[], bool] = lambda: requests(upstream, "titler") == 4  # noqa: E731
        await upstream.until(enough)
        await talked(client)
        assert enough()


@pytest.mark.thorough
async def test_calls_that_store_nothing_have_no_title(tmp_path: Path) -> None:
    async with serving(tmp_path, f"openai/{TITLER}") as (_, client, upstream):
        body = {"prompt": "What jumps?", "model": ANSWERS}
        assert (await client.http.post("/api/llm/generate", json=body)).status_code == 200
        await titled(client, await talked(client))
        assert requests(upstream, "titler") == 1
