"""`llmchat chat` as somebody uses it: at a terminal, in a pipe, over restarts, wrongly."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio

from llmchat.talk.screen import inert
from llmchat.talk.state import State
from tests.service import PATIENCE_SECONDS, Service, environment, free_port
from tests.terminal import CTRL_C, CTRL_D, Terminal
from tests.upstream import answer_text
from tests.web.locked import locked_service

LLMCHAT = Path(sys.executable).with_name("llmchat")
PROMPT = r"(?m)^> $"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with Service(tmp_path_factory.mktemp("service")).running() as running:
        yield running


def chat(service: Service, folder: Path, *options: str) -> AbstractAsyncContextManager[Terminal]:
    env = environment({"XDG_STATE_HOME": str(folder), "TERM": "dumb"})
    return Terminal.running([LLMCHAT, "chat", "--url", service.base_url, *options], env, folder)


def piped(
    url: str, folder: Path, said: bytes, *options: str, **env: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [LLMCHAT, "chat", "--url", url, *options],
        input=said,
        cwd=folder,
        env=environment({"XDG_STATE_HOME": str(folder), **env}),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def conversation_in(folder: Path) -> str:
    [id] = json.loads((folder / "llmchat/chat.json").read_text())["conversations"].values()
    return str(id)


@pytest.mark.asyncio(loop_scope="module")
async def test_it_talks_goes_on_and_begins_anew(shared: Service, tmp_path: Path) -> None:
    async with chat(shared, tmp_path, "--model", "demo/echo") as terminal:
        await terminal.shows(PROMPT)
        terminal.type("the quick brown fox\n")
        await terminal.shows("You said: the quick brown fox\n")
        terminal.press(CTRL_D)
        assert await terminal.exit_code() == 0
    first = conversation_in(tmp_path)
    async with chat(shared, tmp_path) as terminal:
        await terminal.shows(r"> the quick brown fox(.|\n)*You said: the quick brown fox\n")
        await terminal.shows(PROMPT)
        terminal.press(CTRL_C)
        assert await terminal.exit_code() == 130
    assert conversation_in(tmp_path) == first
    async with chat(shared, tmp_path, "--new") as terminal:
        await terminal.shows(PROMPT)
    assert conversation_in(tmp_path) != first
    async with chat(shared, tmp_path, "--conversation", first) as terminal:
        await terminal.shows("You said: the quick brown fox\n")
    assert conversation_in(tmp_path) == first


@pytest.mark.asyncio(loop_scope="module")
async def test_ctrl_c_stops_the_answer_and_the_conversation_goes_on(
    shared: Service, tmp_path: Path
) -> None:
    async with chat(shared, tmp_path, "--model", "demo/story") as terminal:
        await terminal.shows(PROMPT)
        terminal.type("go\n")
        await terminal.shows("t0 t1 ")
        terminal.press(CTRL_C)
        await terminal.shows(r"\(stopped\)")
        await terminal.shows(r"\(stopped\)(.|\n)*> $")
    async with shared.client() as client:
        [_, reply] = await client.messages(conversation_in(tmp_path))
    assert reply["status"] == "stopped"
    # What comes between Ctrl-C and the stop stands behind the terminal's ^C and our own line.
    words = terminal.screen.replace("^C", " ").split()
    assert [it for it in words if re.fullmatch(r"t\d+", it)] == reply["content"].split()


async def test_a_killed_terminal_comes_back_to_the_live_answer_and_a_second_ctrl_c_leaves(
    tmp_path: Path,
) -> None:
    async with Service(tmp_path / "service").running() as service, service.client() as client:
        async with chat(service, tmp_path) as terminal:
            await terminal.shows(PROMPT)
        conversation = conversation_in(tmp_path)
        slow = {"extra": {"tokens": 100_000, "tokens_per_second": 20}}
        sent = await client.send(conversation, "go", model="demo/story", params=slow)
        async with chat(service, tmp_path) as terminal:
            await terminal.shows("t0 t1 t2 t3 ")
        async with chat(service, tmp_path) as terminal:
            await terminal.shows(r"> go(.|\n)*t0 t1 t2 t3 t4 t5 ")
            await service.pause()
            terminal.press(CTRL_C)
            await terminal.shows("Ctrl-C again leaves")
            terminal.press(CTRL_C)
            assert await terminal.exit_code() == 130
        service.resume()
        await client.stop(sent.generation_id)


async def test_the_answer_goes_on_over_a_restart_of_the_service(tmp_path: Path) -> None:
    settings = {"LLMCHAT_ON_CRASH": "restart"}
    async with Service(tmp_path / "service", **settings).running() as service:
        async with service.client() as client, chat(service, tmp_path) as terminal:
            await terminal.shows(PROMPT)
            conversation = conversation_in(tmp_path)
            paced = {"extra": {"tokens": 300, "tokens_per_second": 100}}
            await client.http.patch(
                f"/api/conversations/{conversation}", json={"model": "demo/story", "params": paced}
            )
            terminal.type("go\n")
            await terminal.shows("t0 t1 t2 ")
            await service.kill()
            await service.start()
            await terminal.shows("Another attempt takes over")
            await terminal.shows(r"t299 \n(.|\n)*> $")
        after = terminal.screen.rpartition("begins again:")[2]
        assert answer_text(tokens=300) in after


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pipe_gets_the_exact_text_and_says_what_is_wrong(
    shared: Service, tmp_path: Path
) -> None:
    def ask(said: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
        return piped(shared.base_url, tmp_path, said, *options)

    echo = ("--model", "demo/echo")
    done = await asyncio.to_thread(ask, "a\u2028\x1b[31m 🦊\nb\n".encode(), *echo)
    assert (done.stdout.decode(), done.stderr) == ("You said: a\u2028\x1b[31m 🦊\nb\n", b"")
    wrong: list[tuple[bytes, bytes, Sequence[str]]] = [
        (b"\xff\xfe", b"UTF-8", echo),
        (b" \n", b"no message", echo),
        (b"hello", b"no model", ("--model", "nobody/none")),
        (b"hello", b"no conversation", ("--conversation", "conv_0")),
    ]
    # At once: to start the program takes longer than all that it does.
    work = [asyncio.to_thread(ask, said, *options) for said, _, options in wrong]
    for (_, told, _), done in zip(wrong, await asyncio.gather(*work), strict=True):
        assert (done.returncode, done.stdout) == (1, b""), done
        assert told in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_begun_for_what_is_no_message(shared: Service, tmp_path: Path) -> None:
    done = await asyncio.to_thread(piped, shared.base_url, tmp_path, b"")
    assert (done.returncode, b"no message" in done.stderr) == (1, True), done
    with pytest.raises(FileNotFoundError):
        conversation_in(tmp_path)


def test_a_service_that_is_not_there_or_wants_a_key(tmp_path: Path) -> None:
    done = piped(f"http://127.0.0.1:{free_port()}", tmp_path, b"hello")
    assert done.returncode == 1
    assert b"llmchat serve" in done.stderr
    with locked_service(tmp_path / "data") as service:
        done = piped(service.base_url, tmp_path, b"hello", "--key", "sk-llmchat-wrong")
        assert done.returncode == 1
        assert b"LLMCHAT_API_KEY" in done.stderr
        key = service.key("ann")["secret"]
        env = {"LLMCHAT_API_KEY": key}
        done = piped(service.base_url, tmp_path, b"hello", "--model", "demo/echo", **env)
        assert done.stdout == b"You said: hello\n", done.stderr


def test_nothing_that_is_shown_does_anything_to_the_terminal() -> None:
    shown = inert("a\x1b]0;t\x07b\x9bc\u202ed\re\n\t🦊\u2066\x00\x7f")
    assert re.sub("\ufffd", "", shown) == "a]0;tbcde\n\t🦊"


def test_a_broken_state_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chat.json"
    state = State(path)
    assert state.conversation("u") is None
    state.remember("u", "conv_1")
    assert state.conversation("u") == "conv_1"
    for broken in ("", "{", "[]", '{"conversations": 1}', "\x00"):
        path.write_text(broken)
        assert state.conversation("u") is None
    for number in range(60):
        state.remember(f"u{number}", "conv_2")
    assert (state.conversation("u59"), state.conversation("u0")) == ("conv_2", None)
    assert path.stat().st_mode & 0o077 == 0
    State(Path("/proc/none/chat.json")).remember("u", "conv_1")
