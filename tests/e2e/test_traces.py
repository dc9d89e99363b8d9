"""P22's other half: what happened, as an OpenTelemetry collector is told of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.client import Client
from tests.collector import Collector, Span, collecting
from tests.e2e.conftest import upstream_settings
from tests.service import Service
from tests.sockets import joined
from tests.upstream import Upstream, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

CANARY = "canary-4711"
DIES = f"a/{mock_model(fail='http-400')}"
WORKS = f"b/{mock_model('echo')}"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HELLO = [{"role": "user", "content": f"hello {CANARY}"}]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, shared_upstream: Upstream
) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("traced")
    tables = [f"[providers.{name}]\nurl = '{shared_upstream.base_url}'" for name in "ab"]
    route = f"[routes.falls]\nmodels = ['{DIES}', '{WORKS}']"
    (folder / "llmchat.toml").write_text("\n".join([*tables, route]))
    settings = {
        **upstream_settings(shared_upstream),
        **collector.settings,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=ours",
        "LLM_MAX_RETRIES": "1",
    }
    async with Service(folder, **settings).running() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(traced: Service) -> AsyncIterator[Client]:
    async with traced.client() as connected:
        yield connected


async def answer_of(collector: Collector, generation_id: str) -> tuple[Span, list[Span]]:
    """The span of an answer, and those of its attempts, the oldest first."""
    answer = await collector.one("generate", llmchat_generation_id=generation_id)
    # What ended before it was sent before it, or with it.
    return answer, [span for span in collector.found("chat") if span.parent_id == answer.id]


async def asked_by(collector: Collector, span: Span) -> Span:
    await collector.until(lambda: any(it.id == span.parent_id for it in collector.spans))
    return next(it for it in collector.spans if it.id == span.parent_id)


async def test_a_send_is_one_trace_from_its_caller_to_the_model(
    client: Client, collector: Collector, upstream: Upstream
) -> None:
    conversation = await client.conversation()
    sent = await client.http.post(
        f"/api/conversations/{conversation}/messages",
        json={"content": f"tell {CANARY}", "model": f"local/{mock_model(tokens=7)}"},
        headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"},
    )
    id = sent.json()["generation"]["id"]
    await client.read(id)

    answer, (attempt,) = await answer_of(collector, id)
    request = await asked_by(collector, answer)
    assert {span.trace_id for span in (request, answer, attempt)} == {TRACE}
    assert (request.parent_id, request.kind) == (PARENT, "server")
    assert request.name == "POST /api/conversations/{id}/messages"
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["llmchat.request.id"] == "mine"
    told = upstream.completions[0].headers["traceparent"]
    assert told.startswith(f"00-{TRACE}-{attempt.id}-")
    assert attempt.kind == "client"
    assert answer.events == ["first token"]
    assert not answer.failed


async def test_the_figures_are_called_as_the_conventions_call_them(
    client: Client, collector: Collector
) -> None:
    conversation = await client.conversation(params={"temperature": 0.5})
    sent = await client.send(conversation, model=f"local/{mock_model(tokens=7)}")
    await client.read(sent.generation_id)

    answer, (attempt,) = await answer_of(collector, sent.generation_id)
    usage = (await client.generation(sent.generation_id))["usage"]
    figures = attempt.attributes
    assert figures["gen_ai.operation.name"] == "chat"
    assert figures["gen_ai.provider.name"] == "local"
    assert figures["gen_ai.request.model"] == mock_model(tokens=7)
    assert figures["gen_ai.request.temperature"] == 0.5
    assert figures["gen_ai.conversation.id"] == conversation
    assert figures["gen_ai.usage.input_tokens"] == usage["input_tokens"]
    assert figures["gen_ai.usage.output_tokens"] == usage["output_tokens"] == 7
    assert figures["gen_ai.response.finish_reasons"] == ["stop"]
    assert 0 < figures["gen_ai.response.time_to_first_chunk"] <= attempt.seconds
    assert answer.attributes["llmchat.generation.status"] == "complete"
    # Else whoever adds up the spans would count each token twice.
    assert "gen_ai.usage.output_tokens" not in answer.attributes
    assert answer.attributes["llmchat.generation.output_tokens"] == 7
    assert answer.resource["service.name"] == "llmchat"
    assert answer.resource["deployment.environment.name"] == "tests"
    assert "x-tenant: ours" in collector.headers[0]


async def test_an_open_stream_holds_no_span(client: Client, collector: Collector) -> None:
    sent = await client.send(
        await client.conversation(), model=f"local/{mock_model(tokens=500, rate=50)}"
    )
    before = len(collector.found("GET /api/generations/{id}/stream"))
    async with aclosing(client.reader(sent.generation_id).follow()) as steps:
        await anext(steps)
        # It still streams.
        await collector.until(
            lambda: len(collector.found("GET /api/generations/{id}/stream")) > before
        )
        assert collector.found("generate", llmchat_generation_id=sent.generation_id) == []
    opened = collector.found("GET /api/generations/{id}/stream")[-1]
    assert opened.attributes["http.response.status_code"] == 200
    await client.stop(sent.generation_id)

    answer, (attempt,) = await answer_of(collector, sent.generation_id)
    assert answer.attributes["llmchat.generation.status"] == "stopped"
    assert attempt.attributes["llmchat.usage.estimated"] is True
    assert attempt.attributes["gen_ai.usage.output_tokens"] > 0
    assert (answer.failed, attempt.failed) == (False, False)


async def test_a_fallback_is_two_attempts(client: Client, collector: Collector) -> None:
    sent = await client.send(await client.conversation(), model="route/falls")
    await client.read(sent.generation_id)

    answer, (first, second) = await answer_of(collector, sent.generation_id)
    assert (first.failed, second.failed, answer.failed) == (True, False, False)
    assert first.attributes["error.type"] == "upstream_rejected"
    assert answer.attributes["gen_ai.response.model"] == WORKS
    assert answer.attributes["llmchat.generation.requests"] == 2


async def test_what_fails_says_why(client: Client, collector: Collector) -> None:
    model = f"local/{mock_model(fail='http-503')}"
    sent = await client.send(await client.conversation(), model=model)
    await client.read(sent.generation_id)
    refused = await client.http.post("/api/llm/chat", json={"messages": HELLO, "model": model})

    answer, attempts = await answer_of(collector, sent.generation_id)
    assert answer.failed
    assert answer.attributes["error.type"] == "upstream_unavailable"
    assert [span.failed for span in attempts] == [True] * len(attempts)
    request = await collector.one("POST /api/llm/chat", error_type=str(refused.status_code))
    assert request.failed


async def test_an_openai_stream_is_a_trace_too(client: Client, collector: Collector) -> None:
    asked = {"messages": HELLO, "model": f"local/{mock_model(tokens=9)}", "stream": True}
    answered = await client.http.post("/v1/chat/completions", json=asked)
    assert answered.text.endswith("[DONE]\n\n")

    request = await collector.one("POST /v1/chat/completions")
    await collector.until(lambda: any(it.parent_id == request.id for it in collector.spans))
    answer = next(it for it in collector.spans if it.parent_id == request.id)
    await answer_of(collector, answer.attributes["llmchat.generation.id"])
    assert answer.name == f"generate local/{mock_model(tokens=9)}"
    assert answer.attributes["llmchat.generation.status"] == "complete"


async def test_who_waits_in_line_is_of_its_own_request(
    client: Client, collector: Collector
) -> None:
    conversation = await client.conversation()
    first = await client.send(conversation, model=f"local/{mock_model(tokens=20, rate=40)}")
    second = await client.send(conversation, model="demo/echo", on_busy="queue", key="second")
    await client.read(second.generation_id)

    (one, _), (two, _) = [await answer_of(collector, it.generation_id) for it in (first, second)]
    assert one.trace_id != two.trace_id
    assert (await asked_by(collector, two)).name == "POST /api/conversations/{id}/messages"


async def test_what_is_asked_over_a_socket_is_linked_to_it(
    client: Client, traced: Service, collector: Collector
) -> None:
    conversation = await client.conversation(model="demo/echo")
    async with joined(traced.base_url, conversation) as ann:
        await ann.say("send_message", conversation_id=conversation, content="hello", ref="1")
        told = await ann.until("message_status", status="delivered")
        await ann.until("finished")
        # It is still open.
        socket = await collector.one("GET /api/ws")
    answer, _ = await answer_of(collector, told["generation_id"])
    assert answer.parent_id == ""
    assert answer.links == [(socket.trace_id, socket.id)]


async def test_probes_and_what_was_said_are_in_no_trace(
    client: Client, traced: Service, collector: Collector
) -> None:
    await client.http.get("/health/live")
    await client.http.get(f"/nowhere/{CANARY * 4}?ticket={CANARY}")
    await collector.one("GET", http_response_status_code=404, url_path="/nowhere/…")

    assert [span for span in collector.spans if "health" in str(span)] == []
    assert [body for body in collector.batches if CANARY.encode() in body] == []
    assert "OpenTelemetry" not in traced.log


async def test_content_is_sent_where_it_is_wanted(
    tmp_path: Path, shared_upstream: Upstream
) -> None:
    async with collecting() as collector:
        settings = {
            **upstream_settings(shared_upstream),
            **collector.settings,
            "OTEL_SERVICE_NAME": "ours",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        }
        async with Service(tmp_path, **settings).running() as service, service.client() as client:
            asked = {"messages": HELLO, "model": "local/echo"}
            said = (await client.http.post("/api/llm/chat", json=asked)).json()
            await service.terminate()
        # It was sent at the latest when the service ended.
        (attempt,) = collector.found("chat")
    (question,) = json.loads(attempt.attributes["gen_ai.input.messages"])
    (answer,) = json.loads(attempt.attributes["gen_ai.output.messages"])
    assert question == {
        "role": "user",
        "parts": [{"type": "text", "content": HELLO[0]["content"]}],
    }
    assert answer["parts"][0]["content"] in str(said)
    assert answer["finish_reason"] == "stop"
    assert attempt.resource["service.name"] == "ours"


async def test_what_is_not_sampled_is_not_sent_and_the_model_is_told_so(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with collecting() as collector:
        off = {"OTEL_TRACES_SAMPLER": "always_off"}
        settings = {**upstream_settings(upstream), **collector.settings, **off}
        async with Service(tmp_path, **settings).running() as service, service.client() as client:
            sent = await client.send(await client.conversation(), model="local/echo")
            await client.read(sent.generation_id)
            await service.terminate()
        assert collector.batches == []
    # The last two digits are flags; the lowest of them says that it is recorded.
    assert int(upstream.completions[0].headers["traceparent"][-2:], 16) & 1 == 0


async def test_a_dead_collector_harms_nothing_and_is_told_of_once(tmp_path: Path) -> None:
    async with collecting() as collector:
        collector.status = 400
        async with (
            Service(tmp_path, **collector.settings).running() as service,
            service.client() as client,
        ):
            await refused_for_a_while(client, collector)
            assert service.log.count("Traces do not reach their collector") == 1
            assert service.log.count("opentelemetry") == 0
            collector.status = 200
            await client.conversation()
            await collector.one("POST /api/conversations")
            assert await service.terminate() == 0
            assert service.log.count("Traces reach their collector again") == 1


async def refused_for_a_while(client: Client, collector: Collector) -> None:
    for batches in (1, 2, 3):
        sent = await client.send(await client.conversation(), model="demo/echo")
        assert (await client.read(sent.generation_id)).status == "complete"
        await collector.until(lambda wanted=batches: len(collector.headers) >= wanted)  # type: ignore[misc]


@pytest.mark.thorough
async def test_a_collector_that_never_answers_holds_up_no_shutdown(tmp_path: Path) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            Service(tmp_path, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=url).running() as service,
            service.client() as client,
        ):
            await client.conversation()
            assert await service.terminate() == 0
            assert "The last traces did not reach their collector in time" in service.log
