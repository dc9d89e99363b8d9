"""The client in clients/typescript against real servers: over kills, cuts and lost answers."""

import asyncio
import json
import random
import re
import tarfile
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from llmchat.ids import new_id
from tests.clients import node, typescript
from tests.clients.dialects import REQUESTS_PER_MINUTE, Dialects
from tests.fault_proxy import FaultProxy
from tests.programs import program
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS, Service
from tests.upstream import answer_text

pytestmark = pytest.mark.asyncio(loop_scope="session")

README = (typescript.SOURCES / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (code, output)
    for (language, code), (kind, output) in pairwise(BLOCKS)
    if (language, kind) == ("js", "text")
]
ADDRESS = "http://127.0.0.1:8000"
TOKENS = 150
STORY = answer_text(tokens=TOKENS)
PACED = {"extra": {"tokens": TOKENS, "tokens_per_second": 60}}
CUTS = 5
AGAIN = "The API has changed: .venv/bin/python -m tests.clients.typescript makes the types anew"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return typescript.workshop(tmp_path_factory.mktemp("typescript"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return typescript.project(tmp_path_factory.mktemp("project"))


@pytest_asyncio.fixture(loop_scope="session")
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with Service(tmp_path, LLM_MODEL="demo/story").running() as running:
        yield running


async def told(project: Path, scenario: str, *arguments: str) -> Any:
    return json.loads(await node.run_node(project, "scenarios.mjs", scenario, *arguments))


async def test_its_types_are_those_of_the_api(shop: Path, served: Dialects) -> None:
    async with served.open.client() as client:
        document = (await client.http.get("/openapi.json")).json()
    assert typescript.types_of(document, shop) == typescript.TYPES.read_text("utf-8"), AGAIN


async def test_its_own_tests_pass(shop: Path) -> None:
    said = await asyncio.to_thread(typescript.run, shop, program("npm"), "test")
    assert re.search(r"^# pass [1-9]\d", said, re.MULTILINE), said


async def test_the_package_has_what_runs_and_nothing_else(project: Path) -> None:
    with tarfile.open(typescript.tarball()) as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
    modules = {path.stem for path in (typescript.SOURCES / "src").iterdir()}
    made = {f"dist/{name}{end}" for name in modules for end in (".js", ".d.ts")}
    assert names == made | {"package.json", "README.md", "LICENSE"}
    assert [path.name for path in (project / "node_modules").glob("[!.]*")] == ["llmchat-client"]
    told = json.loads((typescript.SOURCES / "package.json").read_text())
    assert not told.keys() & {"dependencies", "peerDependencies", "optionalDependencies"}
    assert (told["license"], told["sideEffects"], told["type"]) == ("MIT", False, "module")


@pytest.mark.parametrize(
    "how", [("--module", "node16"), ("--module", "esnext", "--moduleResolution", "bundler")]
)
async def test_a_compiler_finds_what_is_wrong(shop: Path, project: Path, how: list[str]) -> None:
    typescript.run(
        project,
        *(program("node"), shop / "node_modules" / "typescript" / "bin" / "tsc"),
        *("--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom"),
        *(*how, "typed.ts"),
    )


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_does_what_it_says(project: Path, served: Dialects, number: int) -> None:
    code, output = EXAMPLES[number]
    (project / "example.mjs").write_text(code.replace(ADDRESS, served.open.base_url))
    assert (await node.run_node(project, "example.mjs")).strip() == output.strip()


async def test_it_asks_for_everything(project: Path, served: Dialects) -> None:
    found = await told(project, "everything", served.open.base_url)
    models = found.pop("models")
    assert {"demo/echo", "demo/story"} <= set(models)
    assert found == {
        "chat": "You said: hello",
        "session": "You said: one",
        "history": ["one", "You said: one", "two", "You said: two"],
        "again": ["You said: two", 2, "Be brief."],
        "cleared": [],
        "health": "ok",
        "modelHealth": True,
    }


async def test_to_leave_is_not_to_stop(project: Path, served: Dialects) -> None:
    assert await told(project, "leaving", served.open.base_url) == {
        "left": "AbortError",
        "live": "streaming",
        "stopped": ["stopped", True],
        "answer": ["stopped", True, True],
        "more": ["complete", True],
    }


async def test_a_refusal_says_all_that_the_server_says(project: Path, served: Dialects) -> None:
    key = await served.key_for(new_id("user"))
    wrong, unread, missing, unknown = await told(project, "refused", served.locked.base_url, key)
    kinds = [(one["status"], one["type"]) for one in (wrong, unread, missing, unknown)]
    assert kinds == [
        *[(401, "unauthenticated")] * 2,
        (404, "not_found"),
        (422, "unknown_model"),
    ]
    assert all(one["title"] and one["detail"] and one["request_id"] for one in (wrong, unknown))


async def test_too_many_are_told_when_to_come_back(project: Path, served: Dialects) -> None:
    key = await served.key_for(new_id("user"))
    refused = await told(project, "limited", served.locked.base_url, key)
    assert len(refused) >= 8 - REQUESTS_PER_MINUTE
    assert {(one["status"], one["type"]) for one in refused} == {(429, "rate_limited")}
    assert all(0 < one["retry_after_seconds"] <= 60 for one in refused)


async def test_cuts_anywhere_lose_and_double_nothing(
    project: Path, service: Service, chaos: random.Random
) -> None:
    async with (
        FaultProxy(service.port).running() as proxy,
        service.client() as client,
    ):
        sent = await client.send(await client.conversation(), params=PACED)
        address = f"http://127.0.0.1:{proxy.port}"
        async with typescript.running(project, "follow.mjs", address, sent.generation_id) as script:
            for token in sorted(chaos.sample(range(TOKENS - 10), CUTS)):
                await script.until_text(f"t{token} ")
                await asyncio.sleep(chaos.uniform(0, 0.02))  # Anywhere in the next frame.
                proxy.cut()
            answer = await script.until("answer")
        reply = await client.message(sent.reply["conversation_id"], sent.reply_id)
    assert answer["text"] == script.text == reply["content"] == STORY
    offsets = [event["offset"] for event in script.events]
    assert [first for first, _ in offsets] == [1, *(last + 1 for _, last in offsets[:-1])]
    assert sum("lost" in line for line in script.lines) >= 1


@pytest.mark.parametrize(
    ("on_crash", "status"),
    [
        ("restart", "complete"),
        # As in Chromium, tests/browser/test_typescript_page.py.
        pytest.param("mark", "interrupted", marks=pytest.mark.thorough),
    ],
)
async def test_a_killed_server_is_waited_for(
    project: Path, tmp_path: Path, on_crash: str, status: str
) -> None:
    settings = {"LLM_MODEL": "demo/story", "LLMCHAT_ON_CRASH": on_crash}
    async with Service(tmp_path, **settings).running() as service:
        async with service.client() as client:
            sent = await client.send(await client.conversation(), params=PACED)
        arguments = ("follow.mjs", service.base_url, sent.generation_id)
        async with typescript.running(project, *arguments) as script:
            await script.until_text("t30 ")
            await service.kill()
            await script.until("lost")
            await service.start()
            answer = await script.until("answer")
        async with service.client() as client:
            reply = await client.message(sent.reply["conversation_id"], sent.reply_id)
    assert (answer["status"], reply["status"]) == (status, status)
    assert answer["text"] == script.text == reply["content"]
    assert STORY.startswith(answer["text"])
    assert (answer["text"] == STORY) == (status == "complete")
    assert ("reset" in {event["type"] for event in script.events}) == (on_crash == "restart")


async def test_a_send_whose_answer_is_lost_is_sent_once(project: Path, service: Service) -> None:
    async with (
        FaultProxy(service.port).running() as proxy,
        service.client() as client,
        typescript.running(
            project, "scenarios.mjs", "lost", f"http://127.0.0.1:{proxy.port}"
        ) as script,
    ):
        id = (await script.next())["id"]
        proxy.blackhole("to_client")
        before = proxy.accepted
        script.go_on()
        async with asyncio.timeout(PATIENCE_SECONDS):
            # The first of them may be taken over from the call before.
            while proxy.accepted < before + 2 or not await client.messages(id):  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(LOOK_SECONDS)
        await proxy.heal()
        answer = await script.next()
        contents = [message["content"] for message in await client.messages(id)]
    assert contents == ["only once", "You said: only once"]
    assert answer == {"text": "You said: only once"}


async def test_an_answer_begun_elsewhere_is_stopped_from_here(
    project: Path, service: Service
) -> None:
    """Two clients of this kind at one answer, and a third who stops it: all read the same."""
    async with service.client() as client:
        sent = await client.send(
            await client.conversation(), params={"extra": {"tokens": 2000, "tokens_per_second": 50}}
        )
        arguments = (project, "follow.mjs", service.base_url, sent.generation_id)
        async with typescript.running(*arguments) as one, typescript.running(*arguments) as two:
            for script in (one, two):
                await script.until_text("t5 ")
            await told(project, "stopping", service.base_url, "", sent.generation_id)
            answers = [await script.until("answer") for script in (one, two)]
        reply = await client.message(sent.reply["conversation_id"], sent.reply_id)
    assert [answer["text"] for answer in answers] == [reply["content"]] * 2
    assert {answer["status"] for answer in answers} == {"stopped"}
