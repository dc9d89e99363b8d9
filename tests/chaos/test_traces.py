"""The traces of an answer whose process dies: another goes on with it, and says with which."""

from pathlib import Path

from tests.client import Client, Json
from tests.cluster import Cluster
from tests.collector import Collector, Span, collecting
from tests.e2e.conftest import upstream_settings
from tests.service import Service
from tests.upstream import Upstream, mock_model

SLOW = f"local/{mock_model(tokens=60, rate=20)}"
ENDLESS = f"local/{mock_model(tokens=5000, rate=20)}"


async def begun(client: Client, model: str) -> Json:
    """An answer that has text, and the id of the request that asked for it."""
    conversation = await client.conversation()
    asked = {"content": "tell me", "model": model}
    headers = {"X-Request-ID": "asked-once"}
    path = f"/api/conversations/{conversation}/messages"
    sent: Json = (await client.http.post(path, json=asked, headers=headers)).json()
    await client.reader(sent["generation"]["id"]).read_until(lambda it: bool(it.text))
    return sent


async def linked(collector: Collector, answer: Span) -> Span:
    """The request that another attempt is linked to."""
    ((trace, span),) = answer.links
    await collector.until(lambda: any(it.id == span for it in collector.spans))
    (request,) = [it for it in collector.spans if it.id == span]
    assert (request.trace_id, answer.parent_id) == (trace, "")
    assert answer.trace_id != trace
    return request


async def test_who_takes_over_links_to_the_request_that_began_it(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with collecting() as collector:
        settings = {
            **upstream_settings(upstream),
            **collector.settings,
            "LLMCHAT_LEASE_SECONDS": 1.5,
            "LLMCHAT_ON_CRASH": "continue",
        }
        async with Cluster(tmp_path, settings).running() as cluster, cluster.clients() as clients:
            sent = await begun(clients[0], SLOW)
            id = sent["generation"]["id"]
            await collector.one("POST /api/conversations/{id}/messages")
            await cluster.services[0].kill()
            assert (await clients[1].read(id)).status == "complete"

            answer = await collector.one("generate", llmchat_generation_id=id)
            request = await linked(collector, answer)
            assert request.name == "POST /api/conversations/{id}/messages"
            assert answer.attributes["llmchat.generation.attempt"] == 2
            assert answer.attributes["llmchat.generation.status"] == "complete"
            instance = "service.instance.id"
            assert request.resource[instance] != answer.resource[instance]
            # The lines of the one that goes on name the request that another was asked by.
            (line,) = [it for it in cluster.services[1].log.split("\n") if "ation ended" in it]
            assert '"request_id": "asked-once"' in line
            assert f'"trace_id": "{answer.trace_id}"' in line


async def test_what_a_crash_ends_has_a_span_that_says_so(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with collecting() as collector:
        service = Service(tmp_path, **upstream_settings(upstream), **collector.settings)
        async with service.running(), service.client() as client:
            sent = await begun(client, ENDLESS)
            await collector.one("POST /api/conversations/{id}/messages")
            await service.kill()
            await service.start()
            id = sent["generation"]["id"]
            answer = await collector.one("generate", llmchat_generation_id=id)
            request = await collector.one("POST /api/conversations/{id}/messages")
    assert (answer.parent_id, answer.trace_id) == (request.id, request.trace_id)
    assert answer.attributes["llmchat.generation.status"] == "interrupted"
    assert answer.attributes["error.type"] == "interrupted"
    (line,) = [it for it in service.log.split("\n") if "A generation ended" in it]
    assert '"request_id": "asked-once"' in line
