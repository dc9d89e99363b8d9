"""P13: another attempt only while nothing has been shown, and never two texts in one."""

import pytest

from tests.client import Client
from tests.upstream import OptionValue, Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

BEFORE_THE_FIRST_TOKEN: dict[str, dict[str, OptionValue]] = {
    "429 with Retry-After": {"fail": "http-429", "retry_after": "1"},
    "503": {"fail": "http-503"},
    "500": {"fail": "http-500"},
    "no connection": {"fail": "refuse"},
}
AFTER_IT = ["truncate", "cut", "reset", "error-object", "error-frame", "bad-json-end"]


@pytest.mark.parametrize("failure", BEFORE_THE_FIRST_TOKEN)
async def test_a_failure_before_the_first_token_is_tried_again_and_gives_one_text(
    client: Client, upstream: Upstream, failure: str
) -> None:
    conversation = await client.conversation()
    options = BEFORE_THE_FIRST_TOKEN[failure]
    model = mock_model("story", tokens=30, fail_times=1, key=failure, **options)
    sent = await client.send(conversation, model=f"openai/{model}")
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=30))
    assert [event.name for event in reader.events if event.name != "delta"] == [
        "started",
        "finished",
    ]
    assert len(upstream.completions) == 2
    message = await client.message(conversation, sent.reply_id)
    assert message["content"] == answer_text(tokens=30)


async def test_retry_after_is_honoured(client: Client, upstream: Upstream) -> None:
    model = mock_model(tokens=3, fail="http-429", retry_after="1", fail_times=1, key="honoured")
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    await client.read(sent.generation_id)
    refused, answered = upstream.completions
    assert answered.started_at - refused.started_at >= 1


async def test_who_asks_for_too_long_a_wait_is_left_alone(
    client: Client, upstream: Upstream
) -> None:
    model = mock_model(tokens=3, fail="http-429", retry_after="3600")
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    reader = await client.read(sent.generation_id)
    assert reader.terminal is not None
    problem = reader.terminal.data["problem"]
    assert (reader.status, problem["type"]) == ("failed", "upstream_rate_limited")
    assert problem["retry_after_seconds"] == 3600
    assert len(upstream.completions) == 1


@pytest.mark.parametrize("fail", AFTER_IT)
async def test_a_failure_after_the_first_token_is_the_end(
    client: Client, upstream: Upstream, fail: str
) -> None:
    conversation = await client.conversation()
    model = mock_model(tokens=30, rate=200, fail=fail, after=5, fail_times=1, key="after it")
    sent = await client.send(conversation, model=f"openai/{model}")
    reader = await client.read(sent.generation_id)
    assert reader.status == "failed"
    assert answer_text(tokens=5).startswith(reader.text)
    assert len(upstream.completions) == 1


async def test_what_is_refused_for_good_is_not_tried_again(
    client: Client, upstream: Upstream
) -> None:
    for fail, problem in {
        "http-400": "upstream_rejected",
        "http-401": "upstream_unauthorized",
    }.items():
        upstream.ledger.records.clear()
        sent = await client.send(
            await client.conversation(), model=f"openai/{mock_model(fail=fail)}"
        )
        reader = await client.read(sent.generation_id)
        assert reader.terminal is not None
        assert reader.terminal.data["problem"]["type"] == problem
        assert len(upstream.completions) == 1
