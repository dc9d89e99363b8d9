"""One suite for both shapes: the service in this process, and the client of one over HTTP."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from llmchat.client import Client
from llmchat.conversing.answer import Answer
from llmchat.conversing.asking import Picture
from llmchat.conversing.bot import Bot, Incoming
from llmchat.conversing.chats import Chats
from llmchat.conversing.happenings import (
    AnswerEvent,
    ConversationChanged,
    ConversationDeleted,
    MessageAdded,
    Snapshot,
)
from llmchat.domain import Image, OnBusy, Params, ReplyMode, Role, Status, ToolResult
from llmchat.embedded import Chat
from llmchat.errors import (
    BadCursor,
    Busy,
    GenerationFailed,
    Invalid,
    NotFound,
    UnknownModel,
)
from llmchat.events import Delta, Event, Finished, Started
from tests.web.conftest import UNPACED, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ECHO: dict[str, Any] = {"model": "demo/echo", "params": {"extra": UNPACED}}
# Nobody listens there.
DEAD = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}
SETTINGS: dict[str, Any] = {"providers": {"dead": DEAD}, "max_attempts": 1}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def story(tokens: int, rate: float = 0) -> dict[str, Any]:
    extra = {"tokens": tokens, "tokens_per_second": rate}
    return {"model": "demo/story", "params": {"extra": extra}}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["embedded", "client"])
async def chats(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chats]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        async with Chat.open(data_dir=folder, discover=False, **SETTINGS) as chat:
            yield chat
    else:
        with serving(folder, **SETTINGS) as url:
            async with Client(url) as client:
                yield client


async def test_an_answer_is_read_as_it_comes_awaited_and_found_in_the_history(
    chats: Chats,
) -> None:
    conversation = await chats.create(system_prompt="Be brief.", title="Foxes")
    answer = await conversation.send("the quick brown fox", **ECHO)
    pieces = [piece async for piece in answer]
    assert all(pieces)
    assert "".join(pieces) == await answer == "You said: the quick brown fox"
    assert (answer.status, answer.finish_reason, answer.model) == ("complete", "stop", "demo/echo")
    assert answer.usage is not None
    assert answer.usage.output_tokens == 6
    said = [(message.role, message.content) async for message in conversation.history()]
    assert said == [
        (Role.USER, "the quick brown fox"),
        (Role.ASSISTANT, "You said: the quick brown fox"),
    ]
    message = await answer.message()
    assert (message.id, message.generation_id) == (answer.message_id, answer.id)
    assert message.timing is not None
    details = await conversation.details()
    assert (details.title, details.system_prompt) == ("Foxes", "Be brief.")
    assert details.created_at.tzinfo is not None
    assert details.active_leaf == answer.message_id


async def test_events_are_contiguous_and_go_on_behind_any_of_them(chats: Chats) -> None:
    answer = await (await chats.create()).send("go", **story(40))
    await answer.wait()
    entries = [entry async for entry in answer.stream()]
    assert isinstance(entries[0].event, Started)
    assert isinstance(entries[-1].event, Finished)
    covered = [offset for entry in entries for offset in range(entry.first, entry.last + 1)]
    assert covered == list(range(1, entries[-1].last + 1))
    middle = covered[len(covered) // 2]
    behind = [entry async for entry in answer.stream(after=middle)]
    assert behind[0].first == middle + 1
    whole = await answer
    assert whole.endswith("".join(e.event.text for e in behind if isinstance(e.event, Delta)))
    assert [entry async for entry in answer.stream(after=covered[-1])] == []
    with pytest.raises(BadCursor):
        [entry async for entry in answer.stream(after=covered[-1] + 1)]


async def test_an_answer_goes_on_without_its_reader_and_is_found_again(chats: Chats) -> None:
    conversation = await chats.create()
    answer = await conversation.send("go", **story(60, 200))
    async with aclosing(answer.pieces()) as pieces:
        await anext(pieces)
    assert [live.id for live in await conversation.live()] == [answer.id]
    again = await (await chats.conversation(conversation.id)).live()
    found = again[0] if again else await chats.answer(answer.id)
    texts = [text async for text in found.texts()]
    assert texts == sorted(texts, key=len)
    assert texts[-1] == await answer.text() == await (await chats.answer(answer.id))
    assert list(await conversation.live()) == []


async def test_many_readers_at_once_have_one_text(chats: Chats) -> None:
    answer = await (await chats.create()).send("go", **story(50, 300))

    async def read() -> str:
        return "".join([piece async for piece in answer])

    assert len(set(await asyncio.gather(*(read() for _ in range(10))))) == 1


async def test_two_conversations_at_once_do_not_mix(chats: Chats) -> None:
    async def talk(word: str) -> str:
        conversation = await chats.create()
        return await (await conversation.send(word, **ECHO))

    words = [f"word {number}" for number in range(8)]
    assert await asyncio.gather(*map(talk, words)) == [f"You said: {word}" for word in words]


async def test_a_stop_keeps_the_text_and_it_can_be_gone_on_with(chats: Chats) -> None:
    conversation = await chats.create()
    answer = await conversation.send("go", **story(5000, 100))
    async with aclosing(answer.pieces()) as pieces:
        first = [await anext(pieces) for _ in range(3)]
    assert await answer.stop() is Status.STOPPED
    assert await answer.stop() is Status.STOPPED
    text = await answer
    assert text.startswith("".join(first))
    further = await answer.go_on(params={"extra": {"tokens": 5, "tokens_per_second": 0}})
    assert (await further).startswith(text)
    assert (await further.message()).parent_id == (await answer.message()).parent_id
    with pytest.raises(Invalid):
        _ = await further.go_on()


async def test_another_answer_to_the_same_question_is_its_sibling(chats: Chats) -> None:
    first = await (await chats.create()).send("hello", **ECHO)
    await first
    second = await first.regenerate(**ECHO)
    assert await second == await first
    assert (await second.message()).siblings == [first.message_id, second.message_id]


async def test_a_busy_conversation_rejects_queues_or_interrupts(chats: Chats) -> None:
    conversation = await chats.create()
    long = await conversation.send("go", **story(5000, 50))
    with pytest.raises(Busy) as busy:
        _ = await conversation.send("and?", **ECHO)
    assert busy.value.generation_id == long.id
    queued = await conversation.send("second", on_busy="queue", **ECHO)
    assert [answer.id for answer in await conversation.live()] == [long.id, queued.id]
    last = await conversation.send("third", on_busy=OnBusy.INTERRUPT, **ECHO)
    assert await last == "You said: third"
    assert await long.wait() is Status.STOPPED
    await conversation.stop()


async def test_stop_of_a_conversation_stops_what_is_queued_too(chats: Chats) -> None:
    conversation = await chats.create()
    long = await conversation.send("go", **story(5000, 50))
    queued = await conversation.send("second", on_busy="queue", **ECHO)
    await conversation.stop()
    assert [await long.wait(), await queued.wait()] == [Status.STOPPED, Status.STOPPED]
    assert await queued == ""


async def test_a_conversation_by_ones_own_name_is_made_once(chats: Chats) -> None:
    names = ["discord:4711/ä 1", "x" * 128]
    for name in names:
        first, second = await asyncio.gather(
            chats.session(name, system_prompt="Be brief."), chats.session(name, title="no")
        )
        assert first.id == second.id
    assert (await chats.session(names[0], system_prompt="Other.")).id == (
        await chats.session(names[0])
    ).id
    with pytest.raises(Invalid):
        await chats.session("x" * 129)
    with pytest.raises(Invalid):
        await chats.session("")


async def test_settings_change_and_unset(chats: Chats) -> None:
    conversation = await chats.create(title="one", metadata={"topic": "foxes"}, model="demo/echo")
    changed = await conversation.change(title="two", pinned=True, params=Params(temperature=0.5))
    assert (changed.title, changed.pinned, changed.params.temperature) == ("two", True, 0.5)
    assert changed.metadata == {"topic": "foxes"}
    assert (await conversation.change(title=None, metadata=None)).metadata == {}
    assert (await conversation.details()).title is None
    with pytest.raises(Invalid, match="colour"):
        await conversation.change(colour="red")


async def test_the_list_is_found_searched_and_paged(chats: Chats) -> None:
    made = [await chats.create(title=f"Zebra {number}") for number in range(3)]
    found = [details.id async for details in chats.conversations("zebra")]
    assert found == [conversation.id for conversation in reversed(made)]
    await made[0].change(archived=True)
    assert [d.id async for d in chats.conversations("zebra", archived=True)] == [made[0].id]
    assert len([d async for d in chats.conversations("zebra", archived=None)]) == 3
    await made[1].change(pinned=True)
    assert [d.id async for d in chats.conversations("zebra", pinned=True)] == [made[1].id]


async def test_clear_keeps_the_conversation_and_delete_does_not(chats: Chats) -> None:
    conversation = await chats.create(title="kept")
    answer = await conversation.send("go", **story(5000, 50))
    await conversation.clear()
    assert [message async for message in conversation.history()] == []
    assert (await conversation.details()).title == "kept"
    with pytest.raises(NotFound):
        await answer.wait()
    await conversation.delete()
    for gone in (conversation.details(), conversation.send("hello"), conversation.clear()):
        with pytest.raises(NotFound):
            await gone


async def test_what_is_not_there_is_not_found(chats: Chats) -> None:
    for lost in (chats.conversation("conv_0"), chats.answer("gen_0")):
        with pytest.raises(NotFound):
            await lost


@pytest.mark.parametrize("odd", ["../../api/keys", "", "\0", "\ud800", "é", "conv_1\n", "x" * 65])
async def test_what_can_be_no_id_and_no_key_is_refused(chats: Chats, odd: str) -> None:
    conversation = await chats.create(**ECHO)
    for refused in (chats.conversation(odd), chats.answer(odd)):
        with pytest.raises(Invalid):
            await refused
    with pytest.raises(Invalid):
        [message async for message in conversation.history(leaf=odd)]
    for key in ("a b", f"{odd}\0", "k" * 256):
        with pytest.raises(Invalid):
            _ = await conversation.send("hello", key=key)


async def test_any_words_can_be_looked_for_up_to_some_length(chats: Chats) -> None:
    for words in ("\0", "\ud800", '"* OR (', "  "):
        assert [found.id async for found in chats.conversations(f"nowhere {words}")] == []
    with pytest.raises(Invalid):
        [found async for found in chats.conversations("x" * 513)]


async def test_history_goes_back_and_along_a_branch(chats: Chats) -> None:
    conversation = await chats.create(**ECHO)
    first = await conversation.send("one")
    await first
    await (await conversation.send("two"))
    branch = await conversation.send("three", parent_id=first.message_id)
    await branch
    contents = [m.content async for m in conversation.history(newest_first=True)]
    assert contents == ["You said: three", "three", "You said: one", "one"]
    end = first.message_id
    assert [m.content async for m in conversation.history(leaf=end)] == ["one", "You said: one"]
    begun = await conversation.send("anew", parent_id=None)
    assert begun.question is not None
    assert begun.question.parent_id is None
    await begun


async def test_images_go_in_as_bytes_paths_and_data_urls(chats: Chats, tmp_path: Path) -> None:
    path = tmp_path / "pixel.png"
    path.write_bytes(PIXEL)
    url = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    conversation = await chats.create(**ECHO)
    images: list[Picture] = [PIXEL, path, Image(url, "low")]
    answer = await conversation.send("what is this?", images=images)
    await answer
    messages = [message async for message in conversation.history()]
    shown = [part for part in messages[0].parts if isinstance(part, Image)]
    assert [image.url for image in shown] == [url] * 3
    assert shown[2].detail == "low"
    assert messages[0].content == "what is this?"
    wrongs: list[Picture] = [b"GIF", tmp_path / "none.png", Image("http://127.0.0.1/x.png")]
    for wrong in wrongs:
        with pytest.raises(Invalid):
            _ = await conversation.send("and this?", images=[wrong])


async def test_bad_input_is_refused_with_what_is_wrong(chats: Chats) -> None:
    conversation = await chats.create()
    with pytest.raises(UnknownModel):
        _ = await conversation.send("hello", model="nobody/none")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"text": ""}, "content"),
        ({"text": "hello", "params": {"temperature": 3}}, "temperature"),
        ({"text": "hello", "params": {"heat": 1}}, "heat"),
        ({"text": "hello", "params": {"extra": {"x": float("nan")}}}, "JSON"),
        ({"text": "hello", "on_busy": "panic"}, "on_busy"),
        ({"text": "x" * (512 * 1024 + 1)}, "content"),
    ]
    for fields, named in wrong:
        with pytest.raises(Invalid, match=named):
            _ = await conversation.send(**fields)
    assert [message async for message in conversation.history()] == []


async def test_any_text_comes_back_as_the_service_has_it(chats: Chats) -> None:
    conversation = await chats.create(**ECHO)
    odd = "a\u2028b\u0085c\ud800d\x00e\r\nf 🦊 \u202e"
    answer = await conversation.send(odd)
    assert "".join([piece async for piece in answer]) == await answer
    [question, reply] = [message async for message in conversation.history()]
    assert question.content == "a\u2028b\u0085c\ufffdd\ufffde\r\nf 🦊 \u202e"
    assert reply.content == await answer


async def test_the_same_key_sends_once(chats: Chats) -> None:
    conversation = await chats.create(**ECHO)
    one = await conversation.send("hello", key="k-1")
    assert await one == "You said: hello"
    two = await conversation.send("hello", key="k-1")
    assert (two.id, await two) == (one.id, "You said: hello")
    with pytest.raises(Invalid):
        _ = await conversation.send("something else", key="k-1")
    assert len([message async for message in conversation.history()]) == 2


async def test_a_message_to_people_gets_no_answer(chats: Chats) -> None:
    conversation = await chats.create(reply_mode=ReplyMode.ADDRESSED, **ECHO)
    assert await conversation.say("hello all") is None
    asked = await conversation.say("@model hello")
    assert asked is not None
    await asked
    with pytest.raises(Invalid, match="@model"):
        _ = await conversation.send("hello again")


async def test_a_failed_answer_raises_with_its_problem(chats: Chats) -> None:
    answer = await (await chats.create()).send("hello", model="dead/model")
    assert await answer.wait() is Status.FAILED
    for read in (answer.text(), anext(answer.pieces()), anext(answer.texts())):
        with pytest.raises(GenerationFailed) as failed:
            await read
        assert failed.value.problem().type == "upstream_unavailable"
    assert answer.error is not None
    assert (await answer.message()).error == answer.error


async def test_results_of_tools_that_nobody_called_are_refused(chats: Chats) -> None:
    conversation = await chats.create()
    with pytest.raises(Invalid):
        _ = await conversation.send(tool_results=[ToolResult("call_1", "21 °C")])


async def test_who_watches_is_told_all_that_happens_to_the_end(chats: Chats) -> None:
    conversation = await chats.create(title="Foxes", **ECHO)
    messages: list[Role] = []
    told: list[Event] = []
    titles: list[str | None] = []
    asked: list[Answer] = []
    async for happening in conversation.watch():
        match happening:
            case Snapshot(details, answers):
                titles.append(details.title)
                assert list(answers) == []
                asked.append(await conversation.send("hello"))
            case MessageAdded(message):
                messages.append(message.role)
            case AnswerEvent(id, entry):
                assert (id, entry.event) == (asked[0].id, happening.event)
                told.append(happening.event)
                if isinstance(happening.event, Finished):
                    await conversation.change(title="Hens")
            case ConversationChanged(details):
                titles.append(details.title)
                if details.title == "Hens":
                    await conversation.delete()
    assert isinstance(happening, ConversationDeleted)
    assert messages == [Role.USER, Role.ASSISTANT]
    assert isinstance(told[0], Started)
    assert "".join(e.text for e in told if isinstance(e, Delta)) == "You said: hello"
    assert isinstance(told[-1], Finished)
    assert (titles[0], titles[-1]) == ("Foxes", "Hens")


async def test_a_watch_that_begins_in_mid_answer_has_all_of_it(chats: Chats) -> None:
    conversation = await chats.create()
    answer = await conversation.send("go", **story(5000, 50))
    async with aclosing(answer.pieces()) as pieces:
        await anext(pieces)
    text, last = "", 0
    async for happening in conversation.watch():
        match happening:
            case Snapshot(answers=[live]):
                assert (live.id, live.message_id) == (answer.id, answer.message_id)
                text, last = live.text, live.offset
            case AnswerEvent(entry=entry):
                assert entry.first == last + 1
                last = entry.last
                text += entry.event.text if isinstance(entry.event, Delta) else ""
                if isinstance(entry.event, Finished):
                    break
                await answer.stop()
    assert text == await answer


async def test_nobody_watches_what_is_not_there(chats: Chats) -> None:
    conversation = await chats.create()
    await conversation.delete()
    with pytest.raises(NotFound):
        await anext(conversation.watch())


async def test_the_models_and_the_default(chats: Chats) -> None:
    models = {model.id for model in await chats.models()}
    assert {"demo/echo", "demo/story"} <= models
    assert await chats.default_model() in models


async def test_a_bot_replies_by_handler_or_model_in_turn(chats: Chats) -> None:
    bot = Bot(chats, system_prompt="Be brief.", seconds_between_texts=0, **ECHO)
    heard: list[str] = []

    @bot.on_message
    async def count(message: Incoming) -> None:
        heard.append(message.text)

    @bot.on_message
    async def commands(message: Incoming) -> str | None:
        if message.text == "/new":
            await message.conversation.clear()
            return "Forgotten."
        return None

    texts: list[str] = []

    async def on_text(text: str) -> None:
        texts.append(text)

    place = f"telegram:{id(chats)}"
    first, second = bot.receive(place, "one", on_text=on_text), bot.receive(place, "two", key="u-2")
    replies = list(await asyncio.gather(first, second))
    assert replies == ["You said: one", "You said: two"]
    assert texts[-1] == replies[0]
    assert await bot.receive(place, "two", key="u-2") == "You said: two"
    assert await bot.receive(place, "/new") == "Forgotten."
    conversation = await chats.session(place)
    assert [message async for message in conversation.history()] == []
    assert heard == ["one", "two", "two", "/new"]
