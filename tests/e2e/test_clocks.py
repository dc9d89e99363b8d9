"""P7: no silence lasts for ever, whatever the upstream sends instead of tokens."""

import asyncio
from pathlib import Path

from tests.client import Client
from tests.e2e.conftest import upstream_settings
from tests.service import Service
from tests.upstream import OptionValue, answer_text, mock_model, mock_upstream

CLOCKS: dict[str, str | float] = {
    "LLMCHAT_FIRST_TOKEN_SECONDS": 2.5,
    "LLMCHAT_TOKEN_GAP_SECONDS": 2,
    "LLMCHAT_GENERATION_SECONDS": 6,
}
FIRST_TOKEN, GAP, TOTAL = (f" {seconds} seconds" for seconds in CLOCKS.values())
SILENCES: dict[str, tuple[str, dict[str, OptionValue]]] = {
    "no answer at all": (FIRST_TOKEN, {"fail": "no-headers"}),
    "headers and no token": (FIRST_TOKEN, {"fail": "silence-before"}),
    "only pings": (FIRST_TOKEN, {"fail": "pings", "after": 0}),
    "only chunks without a token": (FIRST_TOKEN, {"fail": "keepalive-chunks", "after": 0}),
    "a gap in the middle": (GAP, {"fail": "silence", "after": 5}),
    "pings in the middle": (GAP, {"fail": "pings", "after": 5}),
    "chunks without a token in the middle": (GAP, {"fail": "keepalive-chunks", "after": 5}),
    "tokens for ever": (TOTAL, {"tokens": 100_000, "rate": 20}),
}
"""What the upstream does, and which clock it is that ends it."""
SLOW_TOKENS = 30


async def suffer(client: Client, silence: str) -> None:
    """One such generation: it fails, says why, and keeps its text."""
    conversation = await client.conversation()
    clock, options = SILENCES[silence]
    model = mock_model("story", **options)
    sent = await client.send(conversation, silence, model=f"openai/{model}")
    reader = await client.read(sent.generation_id)
    assert reader.terminal is not None
    problem = reader.terminal.data["problem"]
    assert (reader.status, problem["type"]) == ("failed", "upstream_timeout"), silence
    assert problem["status"] == 504
    assert clock in problem["detail"]
    message = await client.message(conversation, sent.reply_id)
    assert (message["status"], message["content"]) == ("failed", reader.text)
    if silence == "tokens for ever":
        assert reader.text
        assert answer_text(tokens=1000).startswith(reader.text)
    else:
        assert reader.text == answer_text(tokens=int(options.get("after", 0)))


async def go_on_slowly(client: Client) -> None:
    """Slower as a whole than two of the clocks, and never silent for long: to be left alone."""
    model = f"openai/{mock_model(tokens=SLOW_TOKENS, rate=10)}"
    sent = await client.send(await client.conversation(), model=model)
    reader = await client.read(sent.generation_id)
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=SLOW_TOKENS))


async def test_each_clock_ends_the_generation_keeps_the_text_and_closes_the_upstream(
    tmp_path: Path,
) -> None:
    async with mock_upstream() as upstream:
        settings = upstream_settings(upstream) | CLOCKS
        async with Service(tmp_path, **settings).running() as service, service.client() as client:
            await asyncio.gather(
                go_on_slowly(client), *[suffer(client, silence) for silence in SILENCES]
            )
            gone = [record for record in upstream.completions if not record.finished]
            assert len(gone) == len(SILENCES)
            await upstream.until(lambda: all(record.client_gone for record in gone))
    assert len(upstream.completions) == len(SILENCES) + 1
