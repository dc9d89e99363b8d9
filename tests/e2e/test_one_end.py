"""P5 and P12: one end, the same wherever one looks, and `complete` only when the model said so."""

import pytest

from tests.client import Client, Sent
from tests.reader import Reader
from tests.upstream import OptionValue, Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDS: dict[str, tuple[dict[str, OptionValue], str, str | None]] = {
    "complete": ({"tokens": 40}, "complete", None),
    "tool calls": ({"fail": "tool-calls"}, "complete", None),
    "truncated": ({"fail": "truncate", "after": 7}, "failed", "upstream_truncated"),
    "cut": ({"rate": 200, "fail": "cut", "after": 7}, "failed", "upstream_truncated"),
    "error in mid-answer": ({"fail": "error-object", "after": 7}, "failed", None),
    "error at once": ({"fail": "http-400"}, "failed", "upstream_rejected"),
}


async def see_everywhere(
    client: Client, conversation: str, sent: Sent
) -> tuple[Reader, str | None]:
    """Read the stream to its end, and check that the generation and the history say the same."""
    live = await client.read(sent.generation_id)
    replay = await client.read(sent.generation_id)
    generation = await client.generation(sent.generation_id)
    message = await client.message(conversation, sent.reply_id)
    assert live.status == replay.status == generation["status"] == message["status"]
    assert live.text == replay.text == generation["text"] == message["content"]
    assert live.reasoning == replay.reasoning == generation["reasoning"] == message["reasoning"]
    assert live.cursor == replay.cursor == generation["last_event_id"]
    assert live.terminal is not None
    problem = live.terminal.data.get("problem") or {"type": None}
    for error in (generation["error"], message["error"]):
        assert (error or {"type": None})["type"] == problem["type"]
    return live, problem["type"]


@pytest.mark.parametrize("kind", ENDS)
async def test_one_end_and_the_same_in_stream_generation_and_history(
    client: Client, upstream: Upstream, kind: str
) -> None:
    options, status, problem = ENDS[kind]
    conversation = await client.conversation()
    sent = await client.send(conversation, model=f"openai/{mock_model('story', **options)}")
    reader, seen_problem = await see_everywhere(client, conversation, sent)
    assert reader.status == status
    assert problem is None or seen_problem == problem
    assert (await client.show(conversation))["active_generations"] == []


@pytest.mark.parametrize("fail", ["truncate", "cut", "reset"])
async def test_a_truncated_answer_is_not_complete_and_keeps_its_text(
    client: Client, upstream: Upstream, fail: str
) -> None:
    conversation = await client.conversation()
    model = mock_model(tokens=100, rate=200, fail=fail, after=30)
    sent = await client.send(conversation, model=f"openai/{model}")
    reader, problem = await see_everywhere(client, conversation, sent)
    assert (reader.status, problem) == ("failed", "upstream_truncated")
    assert reader.text
    # Of a connection that is reset, what it still carried may never arrive.
    assert answer_text(tokens=30).startswith(reader.text)
    assert fail == "reset" or reader.text == answer_text(tokens=30)
    assert len(upstream.completions) == 1
