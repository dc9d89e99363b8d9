"""The service inside a program: what is only true there; the rest is in tests/contract."""

import asyncio
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from llmchat import Answer, Chat, Settings, Snapshot, create_app
from llmchat.access.members import MemberRole
from llmchat.client import Client
from llmchat.domain import Status
from llmchat.errors import DataDirLocked, Invalid, LlmchatError, NotFound, Unavailable
from llmchat.ids import OwnerId
from tests.service import PATIENCE_SECONDS, Service, environment
from tests.web.conftest import UNPACED
from tests.web.locked import locked_service

ECHO: dict[str, Any] = {"model": "demo/echo", "params": {"extra": UNPACED}}
LONG: dict[str, Any] = {
    "model": "demo/story",
    "params": {"extra": {"tokens": 100_000, "tokens_per_second": 50}},
}


async def begin_reading(answer: Answer) -> str:
    async with aclosing(answer.pieces()) as pieces:
        return "".join([await anext(pieces) for _ in range(3)])


async def test_closed_in_mid_answer_it_is_interrupted_and_keeps_its_text(tmp_path: Path) -> None:
    async with Chat.open(data_dir=tmp_path, discover=False) as chat:
        conversation = await chat.create()
        answer = await conversation.send("go", **LONG)
        seen = await begin_reading(answer)
        reading = asyncio.create_task(answer.text())
        watching = conversation.watch()
        assert isinstance(await anext(watching), Snapshot)
        await asyncio.sleep(0)
    with pytest.raises(LlmchatError):
        await reading
    with pytest.raises(Unavailable):
        _ = [happening async for happening in watching]
    async with Chat.open(data_dir=tmp_path, discover=False) as chat:
        found = await chat.answer(answer.id)
        assert await found.wait() is Status.INTERRUPTED
        assert found.so_far.startswith(seen)
        assert (await found.message()).content == found.so_far
        short = {"extra": {"tokens": 30, "tokens_per_second": 0}}
        assert (await (await found.go_on(params=short))).startswith(found.so_far)


async def test_with_time_to_end_it_ends(tmp_path: Path) -> None:
    paced = {"extra": {"tokens": 20, "tokens_per_second": 40}}
    async with Chat.open(data_dir=tmp_path, discover=False, shutdown_grace_seconds=60) as chat:
        answer = await (await chat.create()).send("go", model="demo/story", params=paced)
        live = await (await chat.create()).send("go", model="demo/story", params=paced)
    async with Chat.open(data_dir=tmp_path, discover=False) as chat:
        for id in (answer.id, live.id):
            assert await (await chat.answer(id)).wait() is Status.COMPLETE


async def test_one_data_directory_is_one_process_and_closed_is_closed(tmp_path: Path) -> None:
    async with Chat.open(data_dir=tmp_path, discover=False) as chat:
        with pytest.raises(DataDirLocked):
            async with Chat.open(data_dir=tmp_path, discover=False):
                pass
        conversation = await chat.create()
    with pytest.raises(LlmchatError):
        _ = await conversation.send("hello", **ECHO)


async def test_users_do_not_exist_for_each_other(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, discover=False)
    async with Chat.open(settings) as chat:
        ann, bob = chat.as_user("ann"), chat.as_user("bob@example.com")
        conversation = await ann.session("notes", title="Ann's")
        answer = await conversation.send("hello", **ECHO)
        await answer
        assert (await bob.session("notes")).id != conversation.id
        for other in (bob, chat):
            with pytest.raises(NotFound):
                await other.conversation(conversation.id)
            with pytest.raises(NotFound):
                _ = await other.answer(answer.id)
            assert conversation.id not in [d.id async for d in other.conversations()]
        mine = Answer(bob._service, await ann._service.standing(answer.id))
        for stolen in (mine.stop(), mine.regenerate(), anext(mine.stream())):
            with pytest.raises(NotFound):
                await stolen
        for name in ("", "a b", "-x", "x" * 129, "a/b"):
            with pytest.raises(Invalid):
                chat.as_user(name)


async def test_who_is_no_member_any_more_watches_no_more(tmp_path: Path) -> None:
    async with Chat.open(data_dir=tmp_path, discover=False) as chat:
        ann, bob, sharing = OwnerId("ann"), OwnerId("bob"), chat._services.sharing
        conversation = await chat.as_user(ann).create()
        await sharing.add(ann, conversation.id, bob, MemberRole.VIEWER)
        watching = (await chat.as_user(bob).conversation(conversation.id)).watch()
        assert isinstance(await anext(watching), Snapshot)
        await sharing.remove(ann, conversation.id, bob)
        with pytest.raises(NotFound):
            _ = [happening async for happening in watching]


def test_what_was_embedded_is_served_afterwards_and_the_first_key_is_still_to_come(
    tmp_path: Path,
) -> None:
    async def embedded() -> str:
        settings = Settings(data_dir=tmp_path, discover=False, auth="keys")
        async with Chat.open(settings) as chat:
            conversation = await chat.as_user("ann").create(title="Ann's")
            answer = await conversation.send("hello", **ECHO)
            await answer.wait()
            return conversation.id

    async def served(url: str, key: str) -> list[str]:
        async with Client(url, key=key) as client:
            conversation = await client.conversation(made)
            return [message.content async for message in conversation.history()]

    made = asyncio.run(embedded())
    with locked_service(tmp_path) as service:
        assert service.admin
        said = asyncio.run(served(service.base_url, service.key("ann")["secret"]))
    assert said == ["hello", "You said: hello"]


@pytest.mark.thorough
async def test_a_process_that_was_killed_leaves_nothing_live(tmp_path: Path) -> None:
    async with Service(tmp_path).running() as service, Client(service.base_url) as client:
        answer = await (await client.create()).send("go", **LONG)
        seen = await begin_reading(answer)
        await service.kill()
    async with Chat.open(data_dir=service.data_dir, discover=False) as chat:
        found = await chat.answer(answer.id)
        assert found.status is Status.INTERRUPTED
        assert found.so_far.startswith(seen)


async def test_an_application_is_the_same_service_for_ones_own_code(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, discover=False))
    with pytest.raises(Invalid, match="lifespan"):
        Chat.of(app)
    async with app.router.lifespan_context(app):
        answer = await (await Chat.of(app).create()).send("hello", **ECHO)
        assert await answer == "You said: hello"


async def test_settings_and_single_fields_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        async with Chat.open(Settings(data_dir=tmp_path), port=1):
            pass


def test_a_program_prints_only_what_it_prints(tmp_path: Path) -> None:
    script = """
import asyncio, logging, sys
from llmchat import Chat
if sys.argv[1:]:
    logging.basicConfig(level="INFO", format="%(name)s: %(message)s")
async def main():
    async with Chat.open(data_dir="data") as chat:
        print(await (await (await chat.create()).send("hello", model="demo/echo")))
asyncio.run(main())
"""

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, *more],
            cwd=tmp_path,
            env=environment({}),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=True,
        )

    assert (run().stdout, run().stderr) == ("You said: hello\n", "")
    told = run("logged")
    assert told.stdout == "You said: hello\n"
    assert "llmchat.chat.endlines: A generation ended generation_id=gen_" in told.stderr
