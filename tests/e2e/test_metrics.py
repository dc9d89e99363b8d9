"""/metrics of a real service: what was done is what is counted, and nothing of anybody is in it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests import promql
from tests.client import Client
from tests.figures import OPENMETRICS, Figures, figures_of
from tests.process import LOOK_SECONDS, PATIENCE_SECONDS
from tests.receiver import SECRET as WEBHOOK_SECRET
from tests.service import Service, free_port
from tests.upstream import Upstream, mock_model, mock_upstream

pytestmark = pytest.mark.embedded

SECRET = "sk-canary-7d1f5b8e0a3c4e6f9b2d"
PROMPT = "a canary that nobody repeats"
CONFIG = """
[prices."openai/*"]
input = 3
output = 15

[providers.openai]
kind = "openai"
max_concurrency = 50

[routes.safe]
models = ["openai/{cut}", "openai/{whole}"]
"""
CUT = mock_model(tokens=20, fail="cut", after=7)
WHOLE = mock_model(tokens=25)
SLOW = mock_model(tokens=100_000, rate=50)
RETRIED = mock_model(tokens=9, fail="http-503", fail_times=1)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with mock_upstream() as upstream:
        yield upstream


@pytest.fixture
async def service(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Service]:
    config = tmp_path / "llmchat.toml"
    config.write_text(CONFIG.format(cut=CUT, whole=WHOLE))
    async with Service(
        tmp_path,
        LLMCHAT_CONFIG=str(config),
        OPENAI_API_KEY=SECRET,
        OPENAI_BASE_URL=upstream.base_url,
        LLMCHAT_CACHE_SECONDS=600,
        LLM_RATE_LIMIT=30,
        LLMCHAT_WEBHOOK_URL=f"http://127.0.0.1:{free_port()}/nobody",
        LLMCHAT_WEBHOOK_SECRET=WEBHOOK_SECRET,
        LLMCHAT_WEBHOOK_PRIVATE_ADDRESSES="true",
    ).running() as service:
        yield service


async def figures_when(client: Client, condition: Callable[[Figures], bool]) -> Figures:
    """Once they say so: an end is noted a moment behind its last event."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition(found := await figures_of(client.http)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK_SECONDS)
    return found


async def answer(client: Client, model: str) -> str | None:
    sent = await client.send(await client.conversation(), PROMPT, model=model)
    return (await client.read(sent.generation_id)).status


async def test_what_is_counted_is_what_was_done(service: Service) -> None:
    async with service.client() as client:
        whole = [f"openai/{mock_model(tokens=25, key=number)}" for number in range(3)]
        answers = [*whole, f"openai/{CUT}", f"openai/{RETRIED}", "route/safe"]
        ended = await asyncio.gather(*(answer(client, model) for model in answers))
        assert sorted(map(str, ended)) == ["complete"] * 5 + ["failed"]
        # The same question of the same caller, once more.
        assert await answer(client, whole[0]) == "complete"
        call = {"prompt": PROMPT, "model": "demo/echo"}
        assert (await client.http.post("/api/llm/generate", json=call)).is_success

        sent = await client.send(await client.conversation(), model=f"openai/{SLOW}")
        reader = client.reader(sent.generation_id)
        reading = asyncio.create_task(reader.read_to_end())
        live = await figures_when(
            client, lambda it: it.sum("llmchat_open_streams", door="sse") == 1
        )
        assert live.sum("llmchat_live_generations", kind="generation") == 1
        await client.stop(sent.generation_id)
        await reading

        over = await figures_when(
            client,
            lambda it: (
                it.sum("llmchat_live_generations") == it.sum("llmchat_open_streams") == 0
                and it.sum("llmchat_model_requests_total", model="demo/echo") == 1
                and it.sum("llmchat_webhooks_total", endpoint="default", outcome="refused") >= 8
            ),
        )
        usage = (await client.http.get("/api/usage")).json()

    _are_the_answers(over)
    _are_those_of_the_usage(over, usage)
    _have_what_is_shown_and_watched(over)
    _are_the_requests_and_times(over)


def _are_the_answers(over: Figures) -> None:
    generations = [
        over.sum("llmchat_generations_total", kind="generation", outcome=outcome)
        for outcome in ("complete", "failed", "stopped", "interrupted")
    ]
    assert generations == [6, 1, 1, 0]
    assert over.sum("llmchat_generations_total", kind="call", model="demo/echo") == 1
    assert over.sum("llmchat_generation_failures_total") == 1
    assert over.sum("llmchat_cache_hits_total") == 1
    requests = {
        outcome: over.sum("llmchat_model_requests_total", outcome=outcome)
        for outcome in ("complete", "retried", "fallen_back", "cached")
    }
    assert requests == {"complete": 6, "retried": 1, "fallen_back": 1, "cached": 1}


def _are_the_requests_and_times(over: Figures) -> None:
    told = over.sum("llmchat_http_requests_total", route="/api/conversations/{id}/messages")
    assert told == over.sum(
        "llmchat_http_request_seconds_count", route="/api/conversations/{id}/messages"
    )
    assert told == 8
    assert over.sum("llmchat_first_token_seconds_count") >= 7
    assert over.sum("llmchat_log_append_seconds_count") > over.sum(
        "llmchat_append_gap_seconds_count"
    )
    assert over.sum("llmchat_event_loop_lag_seconds_count") > 0
    assert over.sum("llmchat_provider_circuits", provider="openai", state="closed") == 1
    assert over.sum("llmchat_build_info", engines="embedded") == 1


def _are_those_of_the_usage(found: Figures, usage: dict[str, object]) -> None:
    total = usage["total"]
    assert isinstance(total, dict)
    for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
        assert found.sum(f"llmchat_{name}_total") == total[name], name
    assert found.sum("llmchat_cached_input_tokens_total") == total["cached_tokens"]
    assert found.sum("llmchat_cost_usd_total") == pytest.approx(float(total["cost_usd"]))


def _have_what_is_shown_and_watched(found: Figures) -> None:
    """Every name and label in the dashboard and the alerts is one of a service under load."""
    given = {name: {*labels, "instance", "job"} for name, labels in found.labels.items()}
    for where, expression in {**promql.of_dashboard(), **promql.of_alerts()}.items():
        names = promql.names(expression)
        assert names <= {*given, "up"}, where
        known = {"le"}.union(*(given.get(name, {"job"}) for name in names))
        assert promql.labels(expression) <= known, where
    shown = set().union(*map(promql.names, promql.of_dashboard().values()))
    ours = {
        name
        for name in found.labels
        if name.startswith("llmchat_") and not name.endswith("_created")
    }
    assert {_family(name) for name in ours} <= {_family(name) for name in shown}


def _family(name: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", name)


async def test_no_caller_makes_many_series_or_reads_of_others(service: Service) -> None:
    """A thousand names of models, paths and methods; and secrets, ids and texts that must stay
    where they are."""
    async with service.client() as client:
        sent = await client.send(await client.conversation(), PROMPT, model=f"openai/{WHOLE}")
        await client.read(sent.generation_id)
        before = await figures_of(client.http)
        names = [f"canary-{number}?fail=http-404" for number in range(40)]
        asked = [{"prompt": PROMPT, "model": f"openai/{name}"} for name in names]
        await asyncio.gather(*(client.http.post("/api/llm/generate", json=it) for it in asked))
        for number in range(20):
            await client.http.request("PROPFIND", f"/nowhere/canary-{number}?key={SECRET}")
            await client.http.get(f"/api/conversations/conv_canary{number}")
        after = await figures_when(
            client, lambda it: it.sum("llmchat_refused_requests_total", limit="requests") > 0
        )
        strict = await figures_of(client.http, accept=OPENMETRICS)

    new = after.samples.keys() - before.samples.keys()
    assert {dict(labels).get("model", "other") for _, labels in new} == {"other"}
    for text in (after.text, strict.text):
        for secret in ("canary", SECRET, sent.generation_id, str(sent.message["id"]), "conv_"):
            assert secret not in text
    assert strict.text.endswith("# EOF\n")
    assert strict.labels.keys() >= {name for name in after.labels if "_created" not in name}
    others = after.sum("llmchat_generations_total", kind="call", model="other", outcome="failed")
    assert others == after.sum("llmchat_model_requests_total", model="other", outcome="failed") > 0
    assert after.sum("llmchat_http_requests_total", method="other", route="none") == 20
