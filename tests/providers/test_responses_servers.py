"""Servers that are none of this kind, or nearly: each is named, or read all the same."""

import asyncio
import json

import pytest

from llmchat.domain import Params
from llmchat.errors import UpstreamRejected
from tests.providers.asking import KEY, listen, prompt
from tests.providers.kept import responses_at
from tests.providers.wire import JSON, http, wire
from tests.upstream import Upstream


@pytest.mark.parametrize("status", ["completed", "in_progress"])
async def test_a_refused_cancel_is_fine_when_there_is_nothing_to_cancel(status: str) -> None:
    """The server refuses both, as some do for what has ended."""
    kept_there = {"id": "resp_1", "object": "response", "status": status, "output": []}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        refused = head.startswith(b"POST")
        body = {"error": {"message": "It has ended."}} if refused else kept_there
        status_line = "400 Bad Request" if refused else "200 OK"
        writer.write(http(json.dumps(body), content_type=JSON, status=status_line))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    provider = responses_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    async with server:
        if status == "completed":
            await provider.cancel("resp_1:0:0:0:0:0")
        else:
            with pytest.raises(UpstreamRejected, match="It has ended"):
                await provider.cancel("resp_1:0:0:0:0:0")
    await provider.aclose()


async def test_its_models_are_listed(upstream: Upstream) -> None:
    asked = responses_at(upstream.base_url)
    assert [model.id for model in await asked.models()] == ["story", "echo"]
    chosen = responses_at(upstream.base_url, models=["gpt-9"])
    assert [model.id for model in await chosen.models()] == ["gpt-9"]
    await asked.aclose()


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        ('{"error": {"message": "broken", "code": "server_error"}}', JSON, "broken"),
        ('{"object": "list"}', JSON, "request"),
        ("{", JSON, "no JSON object"),
        ("<html>Please sign in</html>", "text/html", "before it named its answer"),
        ("", "text/event-stream", "before it named its answer"),
        ('data: {"choices": []}\n\n', "text/event-stream", "sequence_number"),
    ],
)
async def test_what_is_no_such_server_is_named(body: str, content_type: str, says: str) -> None:
    async with wire(http(body, content_type=content_type)) as other:
        provider = responses_at(other.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()
    assert heard.error is not None
    assert says in heard.error.detail


async def test_a_server_that_cannot_stream_is_read_all_the_same() -> None:
    parts = [{"type": "output_text", "text": "Hello", "annotations": []}]
    answer = {"id": "resp_1", "object": "response", "status": "completed"} | {
        "output": [{"type": "message", "content": parts}]
    }
    async with wire(http(json.dumps(answer), content_type=JSON)) as other:
        provider = responses_at(other.base_url)
        heard = await listen(provider, prompt())
        await provider.aclose()
    assert (heard.text, heard.finish_reason) == ("Hello", "stop")


async def test_no_error_has_the_key() -> None:
    refusal = json.dumps({"error": {"message": f"Wrong key: {KEY}"}})
    failed = {"type": "error", "sequence_number": 0, "message": f"Wrong key: {KEY}"}
    for answer in (
        http(refusal, content_type=JSON, status="400 Bad Request"),
        http(refusal, content_type=JSON),
        http(f"data: {json.dumps(failed)}\n\n"),
    ):
        async with wire(answer) as other:
            provider = responses_at(other.base_url)
            heard = await listen(provider, prompt(params=Params()))
            await provider.aclose()
        assert heard.error is not None
        assert "Wrong key" in heard.error.detail
        assert KEY not in heard.error.detail
