"""A file of weights that llmchat itself serves: a real llama.cpp, of which nothing remains."""

import asyncio
import os
import resource
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx2
import psutil  # type: ignore[import-untyped]
import pytest

from llmchat.domain import Model, Params
from llmchat.errors import UpstreamRejected, UpstreamTruncated, UpstreamUnavailable
from llmchat.prompts import Prompt
from llmchat.providers.gguf import GgufProvider
from llmchat.tasks import cancel
from tests.clients.llama_cpp import busy
from tests.gguf_model import MODEL_CONTEXT_TOKENS, write_model
from tests.providers.asking import Heard, eventually, listen, prompt

MODEL = "tiny"
GREEDY = Params(temperature=0, max_tokens=40)
ENDLESS = Params(temperature=0)


@pytest.fixture
async def provider(model_file: Path) -> AsyncIterator[GgufProvider]:
    async with aclosing(GgufProvider("mine", path=model_file)) as opened:
        yield opened
    assert programs() == []


def greedy(begun: str = "") -> Prompt:
    return prompt(MODEL, GREEDY, begun=begun)


async def test_the_model_is_listed_before_anything_is_loaded(model_file: Path) -> None:
    async with aclosing(GgufProvider("mine", path=model_file)) as opened:
        assert await opened.models() == [Model("tiny", "mine", context_window=8192)]
    async with aclosing(
        GgufProvider("mine", path=model_file, model="named", context_tokens=10**6)
    ) as opened:
        listed = [Model("named", "mine", context_window=MODEL_CONTEXT_TOKENS)]
        assert await opened.models() == listed
    assert programs() == []


async def test_it_answers_and_goes_on_with_what_is_begun(provider: GgufProvider) -> None:
    whole = await listen(provider, greedy())
    assert whole.finish_reason == "length"
    assert whole.finished is not None
    assert whole.finished.usage is not None
    assert whole.finished.usage.output_tokens == GREEDY.max_tokens
    begun = whole.text[: len(whole.text) // 2].rstrip()
    rest = await listen(provider, greedy(begun))

    assert provider.prefills
    assert rest.finish_reason == "length"
    assert not rest.text.startswith(begun)


async def test_all_who_ask_wait_for_one_load_that_holds_up_nobody_else(
    provider: GgufProvider,
) -> None:
    asking = [asyncio.create_task(listen(provider, greedy())) for _ in range(4)]
    await eventually(lambda: len(programs()) == 1)
    turns = 0
    while provider._loading is not None and not provider._loading.done():
        await asyncio.sleep(0)
        turns += 1
    answers: list[Heard] = await asyncio.gather(*asking)

    assert {heard.text for heard in answers} == {answers[0].text} != {""}
    assert len(programs()) == 1
    assert turns > 100


async def test_the_load_goes_on_when_who_asked_first_has_left(provider: GgufProvider) -> None:
    first = asyncio.create_task(listen(provider, greedy()))
    await eventually(lambda: len(programs()) == 1)
    loading = programs()
    await cancel(first)

    assert (await listen(provider, greedy())).finish_reason == "length"
    assert programs() == loading


async def test_leaving_ends_the_writing(provider: GgufProvider) -> None:
    url, key = await address_of(provider)
    async with aclosing(provider.stream(prompt(MODEL, ENDLESS))) as batches:
        await anext(batches)
        await busy(url, 1, key=key)
    await busy(url, 0, key=key)


async def test_nobody_else_on_the_machine_may_ask_it(provider: GgufProvider) -> None:
    url, _ = await address_of(provider)
    async with httpx2.AsyncClient(trust_env=False) as client:
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        refused = await client.post(f"{url}/v1/chat/completions", json=asked)

    assert refused.status_code == 401
    assert url.startswith("http://127.0.0.1:")


async def test_another_model_is_refused_before_anything_is_loaded(provider: GgufProvider) -> None:
    heard = await listen(provider, prompt("huge"))

    assert isinstance(heard.error, UpstreamRejected)
    assert heard.error.detail == "mine has no model 'huge'; its one model is mine/tiny."
    assert programs() == []


async def test_the_death_of_llama_cpp_is_told_and_the_next_question_starts_it_again(
    provider: GgufProvider,
) -> None:
    async with aclosing(provider.stream(prompt(MODEL, ENDLESS))) as batches:
        await anext(batches)
        [pid] = programs()
        psutil.Process(pid).kill()
        with pytest.raises(UpstreamTruncated, match=r"llama\.cpp of mine ended.*memory"):
            async for _ in batches:
                pass

    assert (await listen(provider, greedy())).finish_reason == "length"
    assert programs() != [pid]


async def test_a_death_between_two_questions_is_worth_another_attempt(
    provider: GgufProvider,
) -> None:
    await listen(provider, greedy())
    psutil.Process(*programs()).kill()
    heard = await listen(provider, greedy())
    if heard.error is not None:
        # It was asked before its end was noticed.
        assert isinstance(heard.error, UpstreamUnavailable)
        assert heard.error.retryable
        heard = await listen(provider, greedy())
    assert heard.finish_reason == "length"


async def test_closing_ends_a_load_as_well(model_file: Path) -> None:
    before = asyncio.all_tasks()
    provider = GgufProvider("mine", path=model_file)
    asking = asyncio.create_task(listen(provider, greedy()))
    await eventually(lambda: len(programs()) == 1)
    await provider.aclose()

    assert programs() == []
    assert isinstance((await asking).error, UpstreamUnavailable)
    assert asyncio.all_tasks() - before == set()


async def test_nothing_remains_of_it(model_file: Path) -> None:
    this = psutil.Process()
    counts = set()
    for _ in range(3):
        async with aclosing(GgufProvider("mine", path=model_file)) as provider:
            await listen(provider, greedy())
        counts.add((this.num_fds(), this.num_threads()))
    assert len(counts) == 1


class TestFaults:
    """Of the file, told by the listing of models as well where they are seen at once."""

    async def test_no_file(self, tmp_path: Path) -> None:
        await self.is_told(tmp_path / "no.gguf", r"no\.gguf cannot be read \(No such file")

    async def test_a_folder(self, tmp_path: Path) -> None:
        await self.is_told(tmp_path, r"cannot be read \(Is a directory\): check the path of mine")

    async def test_another_file(self, tmp_path: Path) -> None:
        path = tmp_path / "page.gguf"
        path.write_text("<html>Sign in to download</html>")
        await self.is_told(path, r"page\.gguf is no GGUF file")

    async def test_no_llama_cpp(self, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "xllamacpp", None)
        await self.is_told(model_file, r'not installed: pip install "llmchat\[local\]"')

    @pytest.mark.parametrize(
        ("most_bytes", "reason"),
        [(40_000, "not within the file bounds"), (3_000, "failed to load model"), (4, "failed")],
        ids=["its weights", "its header", "all of it"],
    )
    async def test_half_a_file(
        self, model_file: Path, tmp_path: Path, most_bytes: int, reason: str
    ) -> None:
        path = tmp_path / "half.gguf"
        shutil.copyfile(model_file, path)
        os.truncate(path, most_bytes)
        await self.is_told(path, f"cannot load half.gguf: .*{reason}.* download it", at_once=False)

    async def test_no_memory(self, tmp_path: Path) -> None:
        tokens = 8_000_000
        path = tmp_path / "long.gguf"
        write_model(path, context_tokens=tokens)
        with most_memory(3 * 1024**3):
            await self.is_told(
                path, "not memory enough. Set a smaller context", at_once=False, tokens=tokens
            )

    async def is_told(
        self, path: Path, sentence: str, *, at_once: bool = True, tokens: int | None = None
    ) -> None:
        async with aclosing(GgufProvider("mine", path=path, context_tokens=tokens)) as provider:
            heard = await listen(provider, prompt(path.stem))
            assert heard.error is not None
            assert not heard.error.retryable
            with pytest.raises(type(heard.error), match=sentence):
                raise heard.error
            if at_once:
                with pytest.raises(type(heard.error), match=sentence):
                    await provider.models()
        assert programs() == []


async def address_of(provider: GgufProvider) -> tuple[str, str]:
    """Of its llama.cpp, which has answered once, and the key to it."""
    await listen(provider, greedy())
    running = await provider._run()
    return running.server.url, running.server.key


def programs() -> list[int]:
    """The llama.cpp of this process that run."""
    children = psutil.Process().children()
    return [child.pid for child in children if _is_program(child)]


def _is_program(child: psutil.Process) -> bool:
    try:
        running = child.status() != psutil.STATUS_ZOMBIE
        return running and "llmchat.providers.llama_program" in child.cmdline()
    except psutil.NoSuchProcess:
        return False


@contextmanager
def most_memory(most_bytes: int) -> Iterator[None]:
    """For the processes that are started inside; this one must need less."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
