"""Sockets: what each frame does, and what comes back."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.client import Client, Json
from tests.sockets import PATIENCE_SECONDS, joined, opened
from tests.upstream import answer_text
from tests.web.conftest import UNPACED
from tests.web.shapes import CONVERSATION, MESSAGE, problem_of, utc

ECHO = {"model": "demo/echo", "params": {"extra": UNPACED}}
ENDLESS: Json = {
    "model": "demo/story",
    "params": {"extra": {"tokens": 100_000, "tokens_per_second": 50}},
}


def story(tokens: int) -> Json:
    extra = {"tokens": tokens, "tokens_per_second": 0}
    return {"model": "demo/story", "params": {"extra": extra}}


@pytest.fixture
async def conversation(client: Client) -> str:
    return await client.conversation(**ECHO)


async def test_the_subprotocol_is_chosen_when_it_is_offered(base_url: str) -> None:
    async with opened(base_url, subprotocols=["other", "llmchat.v1"]) as socket:
        assert socket.wire.subprotocol == "llmchat.v1"
    async with opened(base_url, subprotocols=["other"]) as socket:
        assert socket.wire.subprotocol is None
        assert await socket.asked("ping") == {"type": "pong", "ref": "ref 0 ping"}
    async with opened(base_url, subprotocols=None) as socket:
        await socket.say("ping")
        assert await socket.next() == {"type": "pong"}


@pytest.mark.parametrize(
    ("frame", "status", "says"),
    [
        ("nonsense", 400, "not JSON"),
        ("[" * 100_000, 400, "not JSON"),
        ("[]", 400, "object"),
        ("7", 400, "object"),
        ('{"type": "no_such_type"}', 400, "join_room"),
        ('{"type": 7}', 400, "join_room"),
        ('{"type": ["ping"]}', 400, "join_room"),
        ("{}", 400, "join_room"),
        (b"\x00\x01", 400, "binary"),
        ('{"type": "ping", "more": 1}', 422, "frame.more"),
        ('{"type": "join_room"}', 422, "frame.conversation_id"),
        ('{"type": "join_room", "conversation_id": "a/b"}', 422, "frame.conversation_id"),
        ('{"type": "resume", "generation_id": "gen_x", "after": -1}', 422, "frame.after"),
        ('{"type": "stop", "generation_id": "gen_x"}', 404, "gen_x"),
        ('{"type": "resume", "generation_id": "gen_x", "after": 0}', 404, "gen_x"),
        ('{"type": "join_room", "conversation_id": "conv_x"}', 404, "conv_x"),
        ('{"type": "leave_room", "conversation_id": "conv_x"}', 404, "conv_x"),
        ('{"type": "typing", "conversation_id": "conv_x"}', 404, "conv_x"),
        ('{"type": "ping", "ref": ""}', 422, "frame.ref"),
        ('{"type": "ping", "\\ud800": NaN}', 422, "frame"),
    ],
)
async def test_what_is_wrong_is_answered_and_the_socket_stays(
    base_url: str, frame: str | bytes, status: int, says: str
) -> None:
    async with opened(base_url) as socket:
        await socket.wire.send(frame)
        answer = await socket.next()
        assert answer["type"] == "error"
        assert answer["problem"]["status"] == status
        assert says in answer["error"] == answer["problem"]["detail"]
        assert (await socket.asked("ping"))["type"] == "pong"


async def test_a_room_begins_with_all_that_there_is(
    base_url: str, client: Client, conversation: str
) -> None:
    sent = await client.send(conversation, key=None, **ENDLESS)
    async with opened(base_url) as socket:
        answer = await socket.join(conversation)
        assert answer["conversation_id"] == conversation
        assert set(answer["conversation"]) == CONVERSATION
        assert (answer["members"], answer["typing"]) == (["local"], [])
        (live,) = answer["generations"]
        assert (live["id"], live["message_id"]) == (sent.generation_id, sent.reply_id)
        await socket.until("delta", generation_id=sent.generation_id)
        stopped = await socket.asked("stop", generation_id=sent.generation_id)
        assert (stopped["type"], stopped["status"]) == ("stopped", "stopped")
        if not socket.of("finished"):
            await socket.until("finished", status="stopped")
        message = await client.message(conversation, sent.reply_id)
        assert socket.texts[sent.generation_id] == message["content"]
        left = await socket.asked("leave_room", conversation_id=conversation)
        assert (left["type"], left["reason"]) == ("left", "asked")
        assert (await socket.asked("leave_room", conversation_id=conversation))["type"] == "error"


async def test_a_message_is_sent_once_and_seen_by_all(
    base_url: str, client: Client, conversation: str
) -> None:
    async with joined(base_url, conversation) as ann, joined(base_url, conversation) as bob:
        told: Json = {}
        for _ in range(2):
            await ann.say("send_message", conversation_id=conversation, content="hi", ref="one")
            assert (await ann.until("message_status", ref="one"))["status"] == "sending"
            told = await ann.until("message_status", ref="one")
            assert told["status"] == "delivered"
        for socket in (ann, bob):
            if not socket.of("finished"):
                await socket.until("finished", status="complete")
            question, answer = (frame["message"] for frame in socket.of("message"))
            assert set(question) == set(answer) == MESSAGE
            assert (question["id"], question["author"]) == (told["message_id"], "local")
            assert (answer["generation_id"], answer["author"]) == (told["generation_id"], None)
            assert socket.texts == {told["generation_id"]: "You said: hi"}
    async with opened(base_url) as again:
        frame = {"conversation_id": conversation, "content": "hi", "ref": "one"}
        await again.asked("send_message", **frame)
        assert (await again.next())["message_id"] == told["message_id"]
        await again.asked("send_message", **{**frame, "content": "other"})
        refused = await again.next()
        assert (refused["status"], refused["problem"]["status"]) == ("error", 422)
    assert len(await client.messages(conversation)) == 2


async def test_messages_that_come_at_once_wait_for_each_other(
    base_url: str, client: Client, conversation: str
) -> None:
    async with joined(base_url, conversation) as socket:
        for number in range(4):
            await socket.say("send_message", conversation_id=conversation, content=f"{number}")
        for _ in range(4):
            await socket.until("finished")
    contents = [message["content"] for message in await client.messages(conversation)]
    assert contents == [said for n in range(4) for said in (f"{n}", f"You said: {n}")]


async def test_a_message_that_is_refused_says_why(base_url: str, conversation: str) -> None:
    async with opened(base_url) as socket:
        for frame, status in (
            ({"conversation_id": "conv_x", "content": "x"}, 404),
            ({"conversation_id": conversation, "content": "x", "model": "no/such"}, 422),
        ):
            assert (await socket.asked("send_message", ref="r", **frame))["status"] == "sending"
            refused = await socket.next()
            assert (refused["type"], refused["ref"]) == ("message_status", "r")
            assert (refused["status"], refused["problem"]["status"]) == ("error", status)
        unread = await socket.asked("send_message", conversation_id=conversation, content=5)
        assert (unread["type"], unread["status"]) == ("message_status", "error")
        assert (unread["conversation_id"], unread["problem"]["status"]) == (conversation, 422)


async def test_who_reads_elsewhere_is_told_of_the_others_alone(
    base_url: str, client: Client, conversation: str
) -> None:
    async with opened(base_url) as socket, joined(base_url, conversation) as other:
        await client.send(conversation, "before", **story(100))
        here = await socket.asked("join_room", conversation_id=conversation, follow=False)
        assert (here["members"], here["generations"]) == (["local"], [])
        await other.say("send_message", conversation_id=conversation, content="hi", ref="1")
        await other.until("finished")
        await other.until("finished")
        await other.say("typing", conversation_id=conversation)
        await socket.until("typing")
        assert {frame["type"] for frame in socket.frames} == {"joined", "typing"}
        # To change one's mind is to join again.
        await socket.join(conversation)
        await other.say("send_message", conversation_id=conversation, content="hi", ref="2")
        await socket.until("finished")


async def test_typing_is_seen_and_ends_by_itself_and_with_the_message(
    base_url: str, client: Client, conversation: str
) -> None:
    async with joined(base_url, conversation) as ann, joined(base_url, conversation) as bob:
        stream = f"/api/conversations/{conversation}/stream"
        async with client.http.stream("GET", stream) as watching:
            lines = watching.aiter_lines()
            async for line in lines:
                if line == "event: snapshot":
                    break
            answer = await ann.asked("typing", conversation_id=conversation)
            assert (answer["type"], answer["typing"]) == ("typing", True)
            told = await bob.until("typing")
            assert (told["user"], told["typing"]) == ("local", True)
            async for line in lines:
                if line == "event: typing":
                    break
            assert await anext(lines) == 'data: {"user":"local","typing":true}'
        async with opened(base_url) as late:
            assert (await late.join(conversation))["typing"] == ["local"]
        assert not (await bob.until("typing"))["typing"]  # By itself.
        await ann.say("typing", conversation_id=conversation)
        assert (await bob.until("typing"))["typing"]
        await ann.say("send_message", conversation_id=conversation, content="x")
        assert not (await bob.until("typing"))["typing"]  # With its message.


async def test_a_generation_is_resumed_from_any_offset(
    base_url: str, client: Client, conversation: str
) -> None:
    sent = await client.send(conversation, **story(40))
    whole = await client.read(sent.generation_id)
    async with opened(base_url) as socket:
        for after in (0, 1, 2, whole.cursor - 1):
            answer = await socket.asked("resume", generation_id=sent.generation_id, after=after)
            assert (answer["type"], answer["after"], answer["ended"]) == ("resumed", after, False)
            socket.texts.clear()
            end = await socket.until("finished")
            assert end["conversation_id"] == conversation
            assert socket.lasts[sent.generation_id] == whole.cursor
            assert whole.text.endswith(socket.texts.get(sent.generation_id, ""))
            assert after > 1 or socket.texts[sent.generation_id] == answer_text(tokens=40)
        last = {"generation_id": sent.generation_id, "after": whole.cursor}
        assert (await socket.asked("resume", **last))["ended"]
        beyond = await socket.asked("resume", **{**last, "after": whole.cursor + 1})
        assert beyond["problem"]["type"] == "bad_cursor"


async def test_a_resumed_generation_is_told_once_in_its_room(
    base_url: str, client: Client, conversation: str
) -> None:
    sent = await client.send(conversation, model="demo/story", params={"extra": {"tokens": 60}})
    async with joined(base_url, conversation) as socket:
        await socket.until("delta")
        await socket.asked("resume", generation_id=sent.generation_id, after=0)
        socket.texts.clear()
        await socket.until("finished")
        assert socket.texts[sent.generation_id] == answer_text(tokens=60)
        await socket.asked("ping")
        assert len(socket.of("finished")) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "hi"},
        {"content": "hi"},
        {"content": [{"type": "text", "text": "hi"}]},
        {"messages": [{"role": "user", "content": "hi"}]},
    ],
    ids=["prompt", "content", "parts", "messages"],
)
async def test_a_request_of_its_own_is_answered_whole(base_url: str, asked: Json) -> None:
    async with opened(base_url) as socket:
        answer = await socket.asked("llm_request", **ECHO, **asked)
        told = (answer["type"], answer["success"], answer["conversation_id"], answer["response"])
        assert told == ("llm_response", True, None, "You said: hi")


async def test_a_request_in_a_conversation_is_kept(
    base_url: str, client: Client, conversation: str
) -> None:
    async with opened(base_url) as socket:
        asked = {"conversation_id": conversation, "content": "hi", "ref": "same"}
        answers = [await socket.asked("llm_request", **asked) for _ in range(2)]
    assert answers[0] == answers[1]
    question, reply = await client.messages(conversation)
    assert (answers[0]["type"], answers[0]["success"]) == ("llm_response", True)
    assert (answers[0]["message_id"], answers[0]["response"]) == (reply["id"], reply["content"])
    assert question["content"] == "hi"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"prompt": "x", "conversation_id": "conv_x"}, 404),
        ({"prompt": "x", "model": "no/such"}, 422),
        ({}, 422),
        ({"prompt": "x", "content": "y", "conversation_id": "conv_x"}, 422),
    ],
)
async def test_a_request_that_is_refused_says_why(
    base_url: str, asked: dict[str, Any], status: int
) -> None:
    async with opened(base_url) as socket:
        answer = await socket.asked("llm_request", **asked)
        assert (answer["type"], answer["problem"]["status"]) == ("llm_error", status)
        assert answer["conversation_id"] == asked.get("conversation_id")
        utc(answer["timestamp"])


async def test_changes_and_the_end_of_a_conversation_are_told(
    base_url: str, client: Client, conversation: str
) -> None:
    path = f"/api/conversations/{conversation}"
    async with joined(base_url, conversation) as socket:
        await client.http.patch(path, json={"title": "Foxes"})
        told = await socket.until("conversation")
        assert told["conversation"]["title"] == "Foxes"
        await client.http.delete(path)
        assert (await socket.until("left"))["reason"] == "deleted"
        assert (await socket.asked("ping"))["type"] == "pong"


async def test_the_model_answers_only_those_who_call_it(
    base_url: str, client: Client, conversation: str
) -> None:
    path = f"/api/conversations/{conversation}"
    changed = await client.http.patch(path, json={"reply_mode": "addressed"})
    assert changed.json()["reply_mode"] == "addressed"
    async with joined(base_url, conversation) as socket:
        say: Json = {"conversation_id": conversation, "ref": "1"}
        noted: Json = {}
        for _ in range(2):
            await socket.asked("send_message", content="lunch?", **say)
            noted = await socket.until("message_status")
            assert (noted["status"], noted["generation_id"]) == ("delivered", None)
        assert [it["message"]["id"] for it in socket.of("message")] == [noted["message_id"]]
        await socket.say("send_message", conversation_id=conversation, content="@Model, hungry?")
        await socket.until("finished")
    http = await client.try_send(conversation, "and by HTTP")
    assert http.status_code == 202
    assert (http.json()["reply"], http.json()["generation"], http.json()["stream_url"]) == (
        None,
        None,
        None,
    )
    assert "location" not in http.headers
    again = [await client.try_send(conversation, "once", key="k") for _ in range(2)]
    assert again[0].json()["message"] == again[1].json()["message"]
    contents = [message["content"] for message in await client.messages(conversation)]
    answered = ["@Model, hungry?", "You said: @Model, hungry?"]
    assert contents == ["lunch?", *answered, "and by HTTP", "once"]
    # Whatever the mode is by then, the same key stands for the same message.
    await client.http.patch(path, json={"reply_mode": None})
    late = await client.try_send(conversation, "once", key="k")
    assert late.json() == again[0].json()
    assert (await client.send(conversation, "now")).reply["status"] == "streaming"


async def test_rooms_and_requests_of_one_socket_are_bounded(base_url: str, client: Client) -> None:
    rooms = [await client.conversation() for _ in range(33)]
    async with opened(base_url) as socket:
        answers = [await socket.asked("join_room", conversation_id=id) for id in rooms]
        assert [answer["type"] for answer in answers] == [*["joined"] * 32, "error"]
        assert answers[-1]["problem"]["status"] == 429
        assert (await socket.asked("join_room", conversation_id=rooms[0]))["type"] == "joined"
        for number in range(17):
            await socket.say("llm_request", prompt="x", ref=f"{number}", **ENDLESS)
        refused = await socket.until("llm_error")
        assert (refused["ref"], refused["problem"]["status"]) == ("16", 429)


async def test_who_leaves_without_a_word_is_no_longer_there(
    base_url: str, conversation: str
) -> None:
    async with joined(base_url, conversation) as ann:
        async with joined(base_url, conversation) as bob:
            bob.wire.transport.abort()
        async with asyncio.timeout(PATIENCE_SECONDS):
            # All are one user here: they are there for as long as one of them is.
            assert (await ann.join(conversation))["members"] == ["local"]


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("evil.example", {}, 421),
        ("127.0.0.1", {"Origin": "https://evil.example"}, 403),
        ("localhost", {"Origin": "null"}, 403),
    ],
)
async def test_a_page_elsewhere_reaches_no_open_service(
    base_url: str, host: str, headers: dict[str, str], status: int
) -> None:
    port = base_url.rpartition(":")[2]
    with pytest.raises(InvalidStatus) as refusal:
        async with opened(f"http://{host}:{port}", headers, host="127.0.0.1", port=int(port)):
            pass
    assert refusal.value.response.status_code == status


async def test_what_is_no_handshake_is_told_what_there_is(client: Client) -> None:
    answer = await client.http.get("/api/ws")
    assert problem_of(answer, 426)["type"] == "upgrade_required"
    half = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert (await client.http.get("/api/ws", headers=half)).status_code == 400
    assert (await client.http.get("/health/live", headers=half)).status_code == 200
    assert (await client.http.post("/api/ws", headers=half)).status_code == 405
