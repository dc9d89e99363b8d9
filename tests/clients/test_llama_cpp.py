"""A real llama.cpp server behind the provider, and behind a whole `llmchat serve`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from llmchat.domain import Model, Params, Role
from llmchat.errors import UpstreamRejected
from llmchat.events import Finished
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.openai import OpenAIProvider
from llmchat.tasks import cancel
from tests.client import Client
from tests.clients.llama_cpp import MODEL, LlamaCpp, llama_cpp
from tests.gguf_model import MODEL_CONTEXT_TOKENS
from tests.providers.asking import listen, prompt
from tests.reader import Reader
from tests.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREEDY = Params(temperature=0, max_tokens=40)
GREEDY_JSON = {"temperature": 0, "max_tokens": 40}
LOCAL = f"local/{MODEL}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llama(model_file: Path) -> AsyncIterator[LlamaCpp]:
    async with llama_cpp(model_file) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def local_service(
    llama: LlamaCpp, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    async with Service(folder, LLM_SERVER_URL=llama.url).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(local_service: Service) -> AsyncIterator[Client]:
    async with local_service.client() as connected:
        yield connected


@pytest_asyncio.fixture(loop_scope="session")
async def provider(llama: LlamaCpp) -> AsyncIterator[OpenAIProvider]:
    opened = at(llama)
    yield opened
    await opened.aclose()


async def test_its_models_are_listed_with_their_context_window(provider: OpenAIProvider) -> None:
    assert await provider.models() == [Model(MODEL, "local", context_window=MODEL_CONTEXT_TOKENS)]


async def test_an_answer_that_is_cut_by_its_length_says_so_and_is_metered(
    provider: OpenAIProvider,
) -> None:
    heard = await listen(provider, prompt(MODEL, GREEDY))

    assert len(heard.text.split()) > 10
    assert "\N{REPLACEMENT CHARACTER}" not in heard.text
    assert isinstance(heard.finished, Finished)
    assert heard.finished.finish_reason == "length"
    assert heard.finished.usage is not None
    assert heard.finished.usage.output_tokens == GREEDY.max_tokens
    assert heard.finished.usage.input_tokens > 0


async def test_an_answer_that_meets_a_stop_word_is_complete(provider: OpenAIProvider) -> None:
    whole = (await listen(provider, prompt(MODEL, GREEDY))).text
    word = whole.split()[5]
    params = Params(temperature=0, max_tokens=40, stop=[word])
    heard = await listen(provider, prompt(MODEL, params))

    assert heard.finish_reason == "stop"
    assert heard.text == whole[: whole.index(word)]


async def test_one_answer_after_the_other_meets_no_closed_connection(
    provider: OpenAIProvider,
) -> None:
    """Its server promises to keep connections and closes them: without Retrying, it would show."""
    answers = [await listen(provider, prompt(MODEL, Params(max_tokens=1))) for _ in range(30)]

    assert [heard.error for heard in answers if heard.error] == []


@pytest.mark.parametrize("prefills", [True, False], ids=["asked to go on", "by itself"])
async def test_an_answer_that_was_cut_off_is_gone_on_with(llama: LlamaCpp, prefills: bool) -> None:
    opened = at(llama, prefills=prefills)
    greedy = Params(temperature=0, seed=1, max_tokens=40)
    whole = (await listen(opened, prompt(MODEL, greedy))).text
    begun = whole[: len(whole) // 2].rstrip()
    # Without Continuing around it: what is not repeated need not be left out.
    rest = await listen(opened, prompt(MODEL, greedy, begun=begun))
    await opened.aclose()

    assert rest.error is None
    assert rest.finished is not None
    assert rest.finished.usage is not None
    assert rest.finished.usage.output_tokens == greedy.max_tokens
    assert len(rest.text.split()) > 10
    assert not rest.text.startswith(begun)


async def test_a_prompt_that_is_too_long_is_refused_in_its_own_words(
    provider: OpenAIProvider,
) -> None:
    message = PromptMessage(Role.USER, "x" * 2 * MODEL_CONTEXT_TOKENS)
    heard = await listen(provider, Prompt(MODEL, [message]))

    assert isinstance(heard.error, UpstreamRejected)
    assert "exceeds the available context size" in heard.error.detail


async def test_leaving_frees_the_slot(llama: LlamaCpp, provider: OpenAIProvider) -> None:
    async with aclosing(provider.stream(prompt(MODEL))) as batches:
        await anext(batches)
        await llama.busy(1)
    await llama.busy(0)


async def test_cancelling_while_others_have_all_slots_leaves_nothing_behind(
    llama: LlamaCpp, provider: OpenAIProvider
) -> None:
    readers = [asyncio.create_task(listen(provider, prompt(MODEL))) for _ in range(4)]
    await llama.busy(2)
    for reader in readers:
        await cancel(reader)
    await llama.busy(0)


async def test_the_service_offers_its_models_and_chooses_one(client: Client) -> None:
    listed = (await client.http.get("/api/llm/models")).json()

    assert LOCAL in [model["id"] for model in listed["items"]]
    assert listed["default"] == LOCAL


async def test_an_answer_is_one_text_for_its_stream_its_history_and_the_generation(
    client: Client,
) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation, params=GREEDY_JSON)
    reader = await client.read(sent.generation_id)
    message = await client.message(conversation, sent.reply_id)
    generation = await client.generation(sent.generation_id)

    assert (reader.status, message["status"]) == ("complete", "complete")
    assert reader.text == message["content"] == generation["text"] != ""
    assert message["model"] == LOCAL
    assert generation["finish_reason"] == "length"
    assert generation["usage"]["output_tokens"] == GREEDY_JSON["max_tokens"]
    assert generation["usage"]["estimated"] is False


async def test_a_reload_in_mid_answer_gets_exactly_the_rest(client: Client) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation)
    before = await client.reader(sent.generation_id).read_until(_some_text)
    after = client.reader(sent.generation_id, after=before.cursor)
    await after.read_until(_some_text)
    await client.stop(sent.generation_id)
    await after.read_to_end()
    message = await client.message(conversation, sent.reply_id)

    assert before.terminal is None
    assert before.text + after.text == message["content"]


async def test_stop_frees_the_slot_and_keeps_the_text(client: Client, llama: LlamaCpp) -> None:
    conversation = await client.conversation()
    sent = await client.send(conversation)
    reader = await client.reader(sent.generation_id).read_until(_some_text)
    stopped = await client.stop(sent.generation_id)
    await llama.busy(0)
    await reader.read_to_end()
    message = await client.message(conversation, sent.reply_id)

    assert stopped["status"] == reader.status == message["status"] == "stopped"
    assert reader.text == message["content"] != ""


async def test_a_prompt_is_answered_without_a_conversation(client: Client) -> None:
    asked = {"prompt": "hello", "params": GREEDY_JSON}
    answer = (await client.http.post("/api/llm/generate", json=asked)).json()

    assert answer["model"] == LOCAL
    assert answer["finish_reason"] == "length"
    assert answer["text"]


@pytest.mark.thorough
async def test_the_death_of_the_server_in_mid_answer_is_told_and_the_text_is_kept(
    model_file: Path, tmp_path: Path
) -> None:
    async with llama_cpp(model_file) as doomed:
        service = Service(tmp_path, LLM_SERVER_URL=doomed.url)
        async with service.running(), service.client() as client:
            conversation = await client.conversation()
            sent = await client.send(conversation)
            reader = await client.reader(sent.generation_id).read_until(_some_text)
            await doomed.kill()
            await reader.read_to_end()
            message = await client.message(conversation, sent.reply_id)

    assert reader.status == message["status"] == "failed"
    assert message["error"]["type"] == "upstream_truncated"
    assert reader.text == message["content"] != ""


async def test_an_answer_goes_on_where_the_death_of_the_service_cut_it_off(
    llama: LlamaCpp, tmp_path: Path
) -> None:
    service = Service(tmp_path, LLM_SERVER_URL=llama.url, LLMCHAT_ON_CRASH="continue")
    async with service.running(), service.client() as client:
        conversation = await client.conversation()
        sent = await client.send(conversation, params={"temperature": 0})
        reader = await client.reader(sent.generation_id).read_until(_some_text)
        await service.kill()
        shown = reader.text
        await service.start()
        await reader.read_until(lambda now: len(now.text) > len(shown) + 500)
        await client.stop(sent.generation_id)
        await reader.read_to_end()
        message = await client.message(conversation, sent.reply_id)
        generation = await client.generation(sent.generation_id)

    assert (reader.status, generation["attempt"]) == ("stopped", 2)
    assert [event.name for event in reader.events].count("reset") == 0
    assert reader.text.startswith(shown)
    assert reader.text == message["content"]


def _some_text(reader: Reader) -> bool:
    return len(reader.text) > 50


def at(server: LlamaCpp, *, prefills: bool = True) -> OpenAIProvider:
    return OpenAIProvider(
        "local", base_url=f"{server.url}/v1", api_key=None, headers={}, prefills=prefills
    )
