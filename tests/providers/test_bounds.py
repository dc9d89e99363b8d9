"""However much a server sends, no more than the bound is ever held, and it is told to stop."""

import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamRejected, UpstreamTooLarge, UpstreamUnavailable
from llmchat.providers.openai import OpenAIProvider
from llmchat.providers.openai_chunks import ChunkReader
from llmchat.providers.sse import MOST_EVENT_BYTES
from tests.providers.asking import ask, listen, openai_at, prompt
from tests.providers.memory import MIB, memory_bounded
from tests.providers.wire import JSON, delta, finish, http, wire
from tests.upstream import Upstream, mock_model


async def test_a_line_of_400_mb_is_refused_at_once_and_takes_no_memory(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    await ask(provider)
    with memory_bounded():
        heard = await ask(provider, fail="giant-line", after=3, size=400 * MIB)
        record = await upstream.client_gone(attempt=1)

    assert heard.text == "t0 t1 t2 "
    assert isinstance(heard.error, UpstreamTooLarge)
    assert record.tokens_sent == 3


async def test_an_event_of_many_lines_is_bounded_like_one_line(provider: OpenAIProvider) -> None:
    line = b"data: " + b"x" * 1000 + b"\n"
    async with wire(http(b'data: {"choices": []}\n\n' + line * 1200)) as upstream:
        endless = openai_at(upstream.base_url)
        heard = await listen(endless, prompt())
        await endless.aclose()

    assert isinstance(heard.error, UpstreamTooLarge)


async def test_the_largest_event_allowed_arrives_whole() -> None:
    text = "é" * ((MOST_EVENT_BYTES - 200) // 2)
    event = delta(content="~").replace("~", text)
    async with wire(http(event + finish())) as upstream:
        provider = openai_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert heard.text == text


@pytest.mark.parametrize("piece_bytes", [1, 1000, 65_536])
def test_the_reader_is_bounded_however_small_the_pieces_are(piece_bytes: int) -> None:
    reader = ChunkReader(hide_reasoning=False)
    reader.feed(b"data: " + b"x" * (MOST_EVENT_BYTES - 500))
    fed = 0
    while reader.error is None and fed < 100_000:
        reader.feed(b"x" * piece_bytes)
        fed += piece_bytes

    assert isinstance(reader.error, UpstreamTooLarge)
    assert fed <= 500 + piece_bytes


async def test_an_endless_completion_is_bounded() -> None:
    body = b'{"choices": [{"message": {"content": "' + b"x" * (20 * MIB)
    answer = http(body, content_type=JSON)
    async with wire(answer) as upstream:
        provider = openai_at(upstream.base_url)
        with memory_bounded():
            heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamTooLarge)


async def test_the_endless_body_of_an_error_is_not_read() -> None:
    answer = http(b"x" * (20 * MIB), status="500 Oops")
    async with wire(answer, then_close=False) as upstream:
        provider = openai_at(upstream.base_url)
        with memory_bounded():
            heard = await listen(provider, prompt())
        await provider.aclose()

    assert isinstance(heard.error, UpstreamUnavailable)
    assert len(heard.error.detail) < 1000


async def test_an_endless_list_of_models_is_not_read() -> None:
    async with wire(http(b"[" * (20 * MIB), content_type=JSON)) as upstream:
        provider = openai_at(upstream.base_url)
        with pytest.raises(UpstreamTooLarge):
            await provider.models()
        await provider.aclose()


async def test_a_prompt_of_megabytes_is_sent_whole(
    upstream: Upstream, provider: OpenAIProvider
) -> None:
    params = Params(extra={"user": "é" * (2 * MIB)})
    heard = await listen(provider, prompt(mock_model(tokens=1), params))

    assert heard.text == "t0 "
    assert upstream.completions[0].body["user"] == "é" * (2 * MIB)


async def test_more_tool_calls_than_anybody_makes_are_refused() -> None:
    call = delta(tool_calls=[{"index": 10**9, "function": {"arguments": "x"}}])
    async with wire(http(call + finish())) as upstream:
        provider = openai_at(upstream.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()

    assert heard.error is not None
    assert not isinstance(heard.error, UpstreamRejected)
    assert heard.calls == []
