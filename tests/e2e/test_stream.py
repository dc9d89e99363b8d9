"""P2 and P4: what follows the cursor, all of it, once; else an honest refusal."""

import random

import httpx2
import pytest

from tests.client import Client, Sent
from tests.reader import ContractBroken, Frames, Reader, Refused, cut_point
from tests.upstream import Upstream, answer_text, mock_model

pytestmark = pytest.mark.asyncio(loop_scope="session")

HANDFUL = 10


async def finished(client: Client, tokens: int) -> Sent:
    """An answer of so many tokens, complete."""
    conversation = await client.conversation()
    extra = {"tokens": tokens, "tokens_per_second": 0}
    sent = await client.send(conversation, model="demo/story", params={"extra": extra})
    reader = await client.read(sent.generation_id)
    assert reader.status == "complete"
    return sent


async def refusal(reader: Reader) -> tuple[int, str]:
    """The status and the problem type of a stream that is refused."""
    with pytest.raises(Refused) as refused:
        await reader.read_on()
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["status"] == response.status_code
    return response.status_code, problem["type"]


async def stream(client: Client, id: str, query: str = "", **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.get(f"/api/generations/{id}/stream{query}", headers=names)


def first_id(response: httpx2.Response) -> int:
    """The offset at which a stream begins."""
    frames = [frame for frame in Frames().feed(response.content) if frame.id is not None]
    return int(str(frames[0].data).partition("[")[2].partition(",")[0])


async def test_every_cursor_gets_exactly_the_rest(client: Client, upstream: Upstream) -> None:
    model = mock_model(tokens=60, rate=400, reasoning=10)
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    whole = await client.read(sent.generation_id)
    text, reasoning = answer_text(tokens=60), "".join(f"r{i} " for i in range(10))
    assert (whole.text, whole.reasoning) == (text, reasoning)
    ends = {0, *(event.last for event in whole.events)}
    for cursor in range(whole.cursor):
        rest = await client.reader(sent.generation_id, after=cursor).read_to_end()
        assert (rest.cursor, rest.status) == (whole.cursor, "complete")
        assert text.endswith(rest.text)
        assert reasoning.endswith(rest.reasoning)
        if cursor not in ends:
            continue  # In the middle of what a slow reader got as one event.
        seen = [event for event in whole.events if event.last <= cursor]
        before = Reader(client.http, sent.generation_id, events=seen)
        assert before.text + rest.text == text
        assert before.reasoning + rest.reasoning == reasoning


async def test_a_thousand_tokens_arrive_once_however_often_the_client_is_cut(
    client: Client, upstream: Upstream, chaos: random.Random
) -> None:
    model = mock_model(tokens=1000, rate=800)
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    reader = client.reader(sent.generation_id)
    connections = 0
    while reader.terminal is None:
        await reader.read_on(most_bytes=cut_point(chaos, 1000))
        connections += 1
    assert connections > 1
    assert (reader.status, reader.text) == ("complete", answer_text(tokens=1000))


async def test_a_late_reload_gets_ten_thousand_tokens_in_a_handful_of_events(
    client: Client, upstream: Upstream
) -> None:
    model = mock_model(tokens=10_010, fail="silence", after=10_000)
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    text = answer_text(tokens=10_000)
    first = await client.reader(sent.generation_id).read_until(lambda it: it.text == text)
    reload = await client.reader(sent.generation_id).read_until(lambda it: it.text == text)
    assert reload.text == first.text
    assert reload.terminal is None
    assert len(reload.events) <= HANDFUL
    await client.stop(sent.generation_id)


async def test_a_finished_answer_replays_in_a_handful_of_events(client: Client) -> None:
    sent = await finished(client, 10_000)
    reload = await client.read(sent.generation_id)
    assert (reload.status, reload.text) == ("complete", answer_text(tokens=10_000))
    assert len(reload.events) <= HANDFUL


async def test_a_cursor_at_the_end_gets_204(client: Client) -> None:
    sent = await finished(client, 10)
    last = (await client.generation(sent.generation_id))["last_event_id"]
    reader = await client.reader(sent.generation_id, after=last).read_on()
    assert reader.no_content
    assert reader.events == []
    by_query = await stream(client, sent.generation_id, f"?last_event_id={last}")
    assert (by_query.status_code, by_query.content) == (204, b"")


async def test_a_cursor_beyond_the_log_is_refused(client: Client) -> None:
    sent = await finished(client, 10)
    last = (await client.generation(sent.generation_id))["last_event_id"]
    for beyond in (last + 1, 10**17):
        assert await refusal(client.reader(sent.generation_id, after=beyond)) == (400, "bad_cursor")


@pytest.mark.parametrize("cursor", ["-1", "1.5", "abc", "0x10", "9" * 40, "1 2"])
async def test_a_malformed_cursor_is_refused(client: Client, cursor: str) -> None:
    sent = await finished(client, 10)
    query = await client.http.get(
        f"/api/generations/{sent.generation_id}/stream", params={"last_event_id": cursor}
    )
    header = await client.http.get(
        f"/api/generations/{sent.generation_id}/stream",
        headers={"Last-Event-ID": cursor},
    )
    for response in (query, header):
        assert response.status_code == 400, response.text
        assert response.json()["type"] == "bad_cursor"


async def test_the_cursor_in_the_header_wins_over_the_query(client: Client) -> None:
    sent = await finished(client, 10)
    last = (await client.generation(sent.generation_id))["last_event_id"]
    both = await stream(client, sent.generation_id, f"?last_event_id={last}", Last_Event_ID="1")
    assert first_id(both) == 2
    query = await stream(client, sent.generation_id, f"?last_event_id={last}")
    assert query.status_code == 204


async def test_an_unknown_generation_is_404(client: Client) -> None:
    assert await refusal(client.reader("gen_0000")) == (404, "not_found")
    assert await refusal(client.reader("gen_0000", after=3)) == (404, "not_found")


async def test_silence_is_filled_with_named_heartbeats(client: Client, upstream: Upstream) -> None:
    model = mock_model(fail="no-headers")
    sent = await client.send(await client.conversation(), model=f"openai/{model}")
    reader = await client.reader(sent.generation_id).read_until(lambda it: it.heartbeats == 2)
    assert [event.name for event in reader.events] == ["started"]
    await client.stop(sent.generation_id)


async def test_the_reader_of_these_tests_sees_what_is_wrong(client: Client) -> None:
    """A check that never fails proves nothing."""
    started = b'event: started\ndata: {"offset":[1,1]}\n\n'
    delta = b'event: delta\ndata: {"offset":[%d,%d],"channel":"answer","text":"t"}\n\n'
    finished = b'event: finished\ndata: {"offset":[2,2],"status":"complete"}\n\n'
    wrong = {
        "a gap": b"id: 1\n" + started + b"id: 3\n" + delta % (3, 3),
        "a repetition": b"id: 1\n" + started + b"id: 1\n" + delta % (1, 1),
        "another id": b"id: 1\n" + started + b"id: 3\n" + delta % (2, 2),
        "after the end": b"id: 1\n" + started + b"id: 2\n" + finished + b"id: 3\n" + delta % (3, 3),
        "no start": b"id: 1\n" + delta % (1, 1),
        "a comment": b": ping\n\n",
        "an unknown event": b'id: 1\nevent: error\ndata: {"offset":[1,1]}\n\n',
        "no id": started,
    }
    for what, body in wrong.items():
        with pytest.raises(ContractBroken):
            Reader(client.http, what).take(body)
