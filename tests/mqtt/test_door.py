"""What devices say, and what they hear of it: over a real broker."""

import itertools
import json
from pathlib import Path

import pytest

from tests.client import Client
from tests.mosquitto import Mosquitto
from tests.mqtt.conftest import open_service
from tests.mqtt.device import Device, until

FOX = "the quick brown fox"
UNPACED = {"extra": {"tokens_per_second": 0}}
SLOW = {"extra": {"tokens": 400, "tokens_per_second": 20}}
numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """Of a conversation that no other test has."""
    return f"room-{next(numbers)}"


async def test_a_text_is_a_message_and_its_answer_comes_live_and_whole(
    device: Device, client: Client, name: str
) -> None:
    device.say(name, FOX)
    answer = await device.answer(name)
    assert answer.text == answer.end["text"] == f"You said: {FOX}"
    assert [piece["type"] for piece in answer.pieces][:2] == ["started", "delta"]
    assert answer.last == answer.end["last_offset"] - 1
    assert answer.end["status"] == "complete"
    assert answer.end["usage"]["output_tokens"] > 0
    messages = await client.messages(answer.end["conversation_id"])
    assert [message["content"] for message in messages] == [FOX, f"You said: {FOX}"]
    assert messages[1]["id"] == answer.end["message_id"]


async def test_a_byte_order_mark_in_a_property_cuts_nothing_off(device: Device, name: str) -> None:
    topic, odd = f"llmchat/{name}/input", ("a\ufeffb", "\ufeff")
    device.publish(topic, FOX, user_property=odd, response_topic=f"llmchat/{name}/\ufeff")
    answer = await device.answer(name)
    assert answer.text == f"You said: {FOX}"
    await device.one(f"{name}/\ufeff")


async def test_a_conversation_goes_on_under_its_name(
    device: Device, client: Client, name: str
) -> None:
    for number in range(3):
        device.say(name, {"content": f"Number {number}", "params": UNPACED})
    await device.answer(name, 3)
    first, *others = [answer.end["conversation_id"] for answer in device.answers(name)]
    assert others == [first, first]
    messages = await client.messages(first)
    assert [it["content"] for it in messages[::2]] == ["Number 0", "Number 1", "Number 2"]
    assert (await client.show(first))["title"] == name


async def test_what_a_message_asks_for_holds(device: Device, client: Client, name: str) -> None:
    device.say(
        name,
        {
            "content": FOX,
            "id": "a",
            "model": "demo/story",
            "params": {"max_tokens": 5, **UNPACED},
            "system_prompt": "Be brief.",
        },
    )
    answer = await device.answer(name)
    assert answer.end["model"] == "demo/story"
    assert answer.end["id"] == "a"
    assert {piece["id"] for piece in answer.pieces} == {"a"}
    shown = await client.show(answer.end["conversation_id"])
    assert shown["system_prompt"] == "Be brief."


async def test_the_same_id_is_the_same_message_and_is_answered_again(
    device: Device, client: Client, name: str
) -> None:
    for _ in range(3):
        device.say(name, {"content": FOX, "id": "once"})
    first = await device.answer(name)
    device.say(name, {"content": FOX, "id": "once"})
    await until(lambda: len(device.on(f"{name}/response")) >= 2, "a second response", device)
    told = {heard.json["generation_id"] for heard in device.on(f"{name}/response")}
    assert told == {first.generation_id}
    assert len(await client.messages(first.end["conversation_id"])) == 2
    device.say(name, {"content": "something else", "id": "once"})
    refused = (await device.one(f"{name}/error")).json
    assert (refused["type"], refused["id"]) == ("invalid", "once")


async def test_who_asks_again_is_told_where_they_ask(device: Device, name: str) -> None:
    slow = {"content": "Go", "id": "1", "model": "demo/story", "params": SLOW}
    topics = [f"{name}/replies/{number}" for number in range(3)]
    device.say(name, slow, response_topic=f"llmchat/{topics[0]}", correlation=b"first")
    await device.one(f"{name}/delta", 3)
    for _ in range(2):
        device.say(name, slow, response_topic=f"llmchat/{topics[1]}", correlation=b"second")
    device.say(name, slow, correlation=b"third")
    # Taken one after the other: when this one is refused, those before it are stored.
    device.say(name, b"")
    await device.one(f"{name}/error")
    device.publish(f"llmchat/{name}/stop", "")
    told = [await device.one(topic) for topic in topics[:2]]
    assert [heard.correlation for heard in told] == [b"first", b"second"]
    assert told[0].json == told[1].json
    await device.one(f"{name}/response", 2)
    device.say(name, slow, response_topic=f"llmchat/{topics[2]}", correlation=b"late")
    late = await device.one(topics[2])
    assert (late.correlation, late.json) == (b"late", told[0].json)
    heard = [it.correlation for it in device.on(f"{name}/response")]
    assert heard == [b"first", b"third", b"late"]
    assert [len(device.on(topic)) for topic in topics] == [1, 1, 1]


async def test_a_user_property_is_an_id_as_well(device: Device, client: Client, name: str) -> None:
    for _ in range(2):
        device.say(name, FOX, user_property=("id", "p1"))
    answer = await device.answer(name)
    assert answer.end["id"] == "p1"
    device.say(name, "and more")
    await device.answer(name, 2)
    assert len(await client.messages(answer.end["conversation_id"])) == 4


async def test_texts_without_an_id_are_as_many_messages_as_were_sent(
    device: Device, client: Client, name: str
) -> None:
    for _ in range(3):
        device.say(name, FOX)
    answer = await device.answer(name, 3)
    assert len(await client.messages(answer.end["conversation_id"])) == 6


async def test_a_response_goes_where_it_is_asked_for(device: Device, name: str) -> None:
    topic = f"llmchat/{name}/replies/7"
    device.say(name, FOX, response_topic=topic, correlation=b"\x00seven")
    reply = await device.one(f"{name}/replies/7")
    assert (reply.json["text"], reply.correlation) == (f"You said: {FOX}", b"\x00seven")
    assert (await device.one(f"{name}/response")).correlation == b"\x00seven"
    device.say(name, {"content": ""}, response_topic=topic, correlation=b"eight")
    refused = await device.one(f"{name}/replies/7", 2)
    assert (refused.json["status"], refused.correlation) == (422, b"eight")


@pytest.mark.parametrize(
    "topic",
    [
        "llmchat/{}/input",
        "llmchat/{}/more/stop",
        "llmchat/somebody/response",
        "llmchat/somebody/input",
        "llmchat/status",
        "elsewhere/replies",
        "llmchat",
        "$SYS/broker/uptime",
        "llmchat/{}x/response",
    ],
)
async def test_a_response_goes_nowhere_else(device: Device, name: str, topic: str) -> None:
    device.say(name, FOX, response_topic=topic.format(name))
    refused = (await device.one(f"{name}/error")).json
    assert refused["status"] in (403, 422)
    assert "response" in refused["detail"]
    assert [it.topic for it in device.heard if it.topic.endswith("/response")] == []


async def test_an_answer_is_stopped(device: Device, client: Client, name: str) -> None:
    device.say(name, {"content": "Go", "model": "demo/story", "params": SLOW})
    await device.one(f"{name}/delta", 3)
    device.publish(f"llmchat/{name}/stop", "")
    answer = await device.answer(name)
    assert answer.end["status"] == "stopped"
    assert answer.text == answer.end["text"]
    message = (await client.messages(answer.end["conversation_id"]))[-1]
    assert message["content"] == answer.text


async def test_an_answer_is_told_again_from_a_cursor(device: Device, name: str) -> None:
    device.say(name, FOX)
    answer = await device.answer(name)
    before = len(device.on(f"{name}/delta"))
    resume = {"generation_id": answer.generation_id, "after": 3}
    device.publish(f"llmchat/{name}/resume", resume)
    await device.one(f"{name}/response", 2)
    again = [heard.json for heard in device.on(f"{name}/delta")[before:]]
    assert again[0]["offset"][0] == 4
    assert again[-1]["offset"][1] == answer.last
    answer = await device.answer(name)
    assert answer.text == f"You said: {FOX}"
    device.publish(f"llmchat/{name}/resume", {**resume, "generation_id": "gen_none"})
    assert (await device.one(f"{name}/error")).json["type"] == "not_found"


async def test_a_conversation_of_the_page_goes_on_over_mqtt_and_is_heard_there(
    device: Device, client: Client
) -> None:
    id = await client.conversation(title="From the page")
    await client.read((await client.send(id, "from the page")).generation_id)
    device.say(id, "from a device")
    await device.answer(id)
    sent = await client.send(id, "from the page again")
    answer = await device.answer(id, 2)
    assert answer.generation_id == sent.generation_id
    assert answer.text == answer.end["text"] == "You said: from the page again"
    assert [it["content"] for it in await client.messages(id)][::2] == [
        "from the page",
        "from a device",
        "from the page again",
    ]


async def test_a_message_to_people_gets_no_answer(device: Device, client: Client) -> None:
    id = await client.conversation(reply_mode="addressed")
    device.say(id, {"content": "Anybody here?", "id": "n"})
    told = (await device.one(f"{id}/response")).json
    assert (told["status"], told["generation_id"], told["id"]) == ("stored", None, "n")
    assert [it["content"] for it in await client.messages(id)] == ["Anybody here?"]


async def test_an_answer_that_fails_is_an_error_with_what_it_said(
    device: Device, name: str
) -> None:
    params = {"extra": {"tokens": "many"}}
    device.say(name, {"content": "x", "model": "demo/story", "params": params, "id": "f"})
    answer = await device.answer(name)
    assert answer.ends[0].topic == f"llmchat/{name}/error"
    assert (answer.end["generation_status"], answer.end["id"]) == ("failed", "f")
    assert "tokens" in answer.end["detail"]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "content"),
        (b"{", "JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"content": 5}', "content"),
        (b'{"content": "x", "idd": 5}', "idd"),
        (b'{"content": "x", "model": "no/model"}', "no"),
        (b'{"content": "x", "on_busy": "maybe"}', "on_busy"),
        (b'{"content": "x", "params": {"temperature": 9}}', "temperature"),
        (b'{"content": "x", "id": ""}', "id"),
        (b'{"content": "x", "params": {"extra": {"a":' + b"[" * 50 + b"]" * 50 + b"}}}", "nested"),
        (b"x" * 1_048_577, "1048576"),
        (b"x" * 600_000, "524288"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
async def test_what_is_wrong_is_told(device: Device, name: str, payload: bytes, says: str) -> None:
    device.say(name, payload)
    refused = (await device.one(f"{name}/error")).json
    assert refused["status"] in (400, 422)
    assert says in refused["detail"]


async def test_a_text_may_begin_like_json(device: Device, name: str) -> None:
    device.say(name, json.dumps({"content": '{"a": 1}'}))
    assert (await device.answer(name)).text == 'You said: {"a": 1}'


@pytest.mark.parametrize("level", ["", "$room", "x" * 129, "status"])
async def test_a_name_that_is_none_is_told_apart(device: Device, level: str) -> None:
    device.say(level, FOX)

    def told() -> list[str]:
        return [str(heard.json.get("topic")) for heard in device.on("error")]

    await until(lambda: f"llmchat/{level}/input" in told(), level, device)


async def test_a_retained_message_is_not_answered_at_every_start(
    device: Device, broker: Mosquitto, tmp_path: Path, name: str
) -> None:
    device.say(name, "kept", retain=True)
    await device.answer(name)
    before = device.online()
    with open_service(tmp_path, broker, mqtt_group="late"):
        await until(lambda: len(device.online() - before) == 1, "the late one", device)
        device.say("fence", FOX)
        await until(lambda: len(device.on("fence/response")) == 2, "both groups", device)
    assert len(device.on(f"{name}/response")) == 1
    device.say(name, b"", retain=True)


async def test_its_status_is_kept_for_who_comes_later(
    device: Device, broker: Mosquitto, tmp_path: Path
) -> None:
    with (
        open_service(tmp_path, broker, mqtt_prefix="other"),
        Device(broker, topics="other/status", prefix="other") as early,
    ):
        await until(lambda: bool(early.online()), "online")
    with Device(broker, topics="other/status") as later:
        await until(lambda: bool(later.heard), "its status")
        assert later.heard[0].json["status"] == "offline"


async def test_a_broker_and_devices_that_speak_3_1_1(broker: Mosquitto, tmp_path: Path) -> None:
    with (
        open_service(tmp_path, broker, mqtt_prefix="old/house", mqtt_version="3.1.1"),
        Device(broker, version="3.1.1", prefix="old/house") as device,
    ):
        await until(lambda: bool(device.online()), "online", device)
        device.say("kitchen", {"content": FOX, "id": "1"})
        answer = await device.answer("kitchen")
        assert answer.text == answer.end["text"] == f"You said: {FOX}"
        assert answer.end["id"] == "1"
