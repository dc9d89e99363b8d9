"""What a model thinks is seen apart from its answer, everywhere, and no model is told it again."""

import pytest

from tests.client import Client
from tests.upstream import Upstream, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAGGED = "<think>\nthe user wants\n</think>\n\nan answer"
WAYS = {
    "in tags": mock_model(text=TAGGED, rate=500),
    "in tags, byte by byte": mock_model(text=TAGGED, split=1),
    "in a field": mock_model(text="an answer", reasoning=3),
}
THOUGHTS = {"in a field": "r0 r1 r2 "}


@pytest.mark.parametrize("way", WAYS)
async def test_it_is_in_the_stream_the_generation_and_the_history_and_in_no_later_prompt(
    way: str, client: Client, upstream: Upstream
) -> None:
    thought = THOUGHTS.get(way, "the user wants")
    conversation = await client.conversation(model=f"local/{WAYS[way]}")
    sent = await client.send(conversation, "first")
    whole = await client.read(sent.generation_id)
    assert (whole.reasoning, whole.text) == (thought, "an answer")
    for cursor in range(whole.cursor):
        rest = await client.reader(sent.generation_id, after=cursor).read_to_end()
        assert thought.endswith(rest.reasoning)
        assert "an answer".endswith(rest.text)

    generation = await client.generation(sent.generation_id)
    assert (generation["reasoning"], generation["text"]) == (thought, "an answer")
    shown = await client.message(conversation, sent.reply_id)
    assert (shown["reasoning"], shown["content"]) == (thought, "an answer")

    await client.read((await client.send(conversation, "second")).generation_id)
    assert [message["content"] for message in upstream.completions[1].body["messages"]] == [
        "first", "an answer", "second",
    ]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_who_skips_it_sees_nothing_of_it_and_the_server_is_told(
    way: str, client: Client, upstream: Upstream
) -> None:
    conversation = await client.conversation(model=f"local/{WAYS[way]}")
    sent = await client.send(conversation, params={"skip_thinking": True})
    whole = await client.read(sent.generation_id)

    assert (whole.reasoning, whole.text, whole.status) == ("", "an answer", "complete")
    shown = await client.message(conversation, sent.reply_id)
    assert (shown["reasoning"], shown["content"]) == ("", "an answer")
    assert upstream.completions[0].body["chat_template_kwargs"] == {"enable_thinking": False}
