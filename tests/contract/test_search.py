"""What is found: by words, in every database alike, and kept right by whoever writes."""

import pytest

from llmchat.access.members import MemberRole
from llmchat.domain import Conversation, Match, OnBusy, Status, Wanted
from llmchat.errors import Malformed
from llmchat.ids import OwnerId
from tests.contract.stores import ME, STRANGER, WORKER, Stores, ending

BOB = OwnerId("bob")


async def found(stores: Stores, query: str, user: OwnerId = ME) -> list[Conversation]:
    page = await stores.conversations.list(user, Wanted(query), limit=100, cursor=None)
    assert page.next_cursor is None
    return list(page.items)


async def finds(stores: Stores, query: str, user: OwnerId = ME) -> bool:
    return bool(await found(stores, query, user))


def hits(conversation: Conversation) -> list[str]:
    assert conversation.match is not None
    return [piece.text for piece in conversation.match.snippet if piece.hit]


TEXT = """The quick brown fox — "Le garçon naïf" — jumped over the straße in Łódź & İzmir,
don't ask_me (why): x->y; 100% sure; see C++/C#, e-mail me@example.org 3.14 `foo_bar()`;
東京都に行きました。カタカナ ガラス 안녕하세요 สวัสดีครับ हिन्दी भाषा 🎉 ﬁnal ½ Ωμέγα Привет ёлка
"""

FOUND = {
    "a word": "brown",
    "the beginning of the last": "quick bro",
    "words in any order": "fox quick the",
    "another case": "QUICK Fox",
    "without accents": "garcon naif",
    "with accents that are not there": "quíck bröwn",
    "decomposed": "garc\N{COMBINING CEDILLA}on",
    "sharp s": "STRASSE",
    "the letter itself": "straße",
    "letters with a stroke": "lodz",
    "a dotted I": "izmir",
    "quotes": '"brown" "fox',
    "in quotes": "'quick'",
    "an unclosed bracket": "(fox",
    "a star": "fox*",
    "a colon": "why: x",
    "letters on both sides of a sign": "x->y",
    "only signs": "->",
    "a percent sign": "100%",
    "an underscore": "foo_bar",
    "an address": "me@example.org",
    "a number": "3.14",
    "in the middle of a word": "row",
    "in the middle of two": "uic rown",
    "a character of Han": "京",
    "two of them": "東京",
    "a run of them": "東京都に行",
    "kana": "カタカナ",
    "a part of kana": "タカ",
    "half-width kana": "ｶﾀｶﾅ",
    "full-width letters": "".join(chr(ord(c) + 0xFEE0) for c in "quick"),
    "Hangul": "안녕",
    "Thai": "สวัสดี",
    "Hindi": "हिन्दी",
    "Hindi, half": "भाष",
    "an emoji": "🎉",
    "a ligature": "final",
    "Greek": "ωμεγα",
    "Cyrillic": "привет елка",
    "nothing but spaces around": "  fox  ",
}
NOT_FOUND = {
    "one word that is missing": "quick cat",
    "an operator that is a word": "quick NAND fox",
    "another": "fox XOR quick",
    "a negation that is a word": "NOT fox",
    "a voiced kana": "カラス",
    "another vowel sign": "हन्दी",
    "characters in another order": "京東",
    "a sign that is not there": "=>",
    "the language of an index": "NEAR(quick fox)",
    "a wildcard of SQL": "qu_cx",
    "another wildcard of SQL": "%%",
    "a column": "words:fox",
}


async def test_what_is_there_is_found_and_nothing_else(stores: Stores) -> None:
    await stores.talk(await stores.conversation(), TEXT)

    assert [name for name, query in FOUND.items() if not await finds(stores, query)] == []
    assert [name for name, query in NOT_FOUND.items() if await finds(stores, query)] == []


@pytest.mark.parametrize(
    "text", ["'", '"', "''", '"" ""', "(", ")*", "\\", "'\\", ":*", "& |", "^"]
)
async def test_a_text_that_a_database_could_misread_is_only_text(stores: Stores, text: str) -> None:
    here = await stores.conversation(title=f"before {text} behind")
    await stores.talk(await stores.conversation(), "nothing of it")

    assert [it.id for it in await found(stores, text)] == [here.id]


async def test_an_operator_is_found_where_it_is_a_word(stores: Stores) -> None:
    await stores.talk(await stores.conversation(), "to be or not to be")

    assert await finds(stores, "be OR not")
    assert await finds(stores, "NOT be AN") is False


async def test_long_queries_have_an_answer(stores: Stores) -> None:
    await stores.talk(await stores.conversation(), "a b")
    for query in ("a " * 256, "京" * 512, "x" * 512, "-" * 512, '"' * 512, "東京" * 256):
        assert bool(await found(stores, query)) is query.startswith("a ")


async def test_the_place_is_shown_with_its_hits(stores: Stores) -> None:
    conversation = await stores.conversation()
    await stores.talk(conversation, "once a fox was here")
    turn = await stores.ask(conversation, "many words before it, " * 30 + "Füchse und Foxes\nhere")

    (item,) = await found(stores, "fuchse fox")

    assert item.match is not None
    assert item.match.message_id == turn.message.id
    assert hits(item) == ["Füchse", "Foxes"]
    shown = "".join(piece.text for piece in item.match.snippet)
    assert shown.startswith("…")
    assert "\n" not in shown
    assert len(shown) < 300


async def test_the_newest_message_is_the_match_and_a_title_has_none(stores: Stores) -> None:
    titled = await stores.conversation(title="Of foxes")
    both = await stores.conversation(title="Foxes, too")
    turn = await stores.talk(both, "fox")

    shown = {it.id: it.match for it in await found(stores, "fox")}

    assert shown[titled.id] is None
    match = shown[both.id]
    assert isinstance(match, Match)
    assert match.message_id == turn.reply.id


async def test_words_are_looked_for_before_parts_of_words(stores: Stores) -> None:
    whole = await stores.conversation(title="cat")
    await stores.conversation(title="concatenate")

    assert [it.id for it in await found(stores, "cat")] == [whole.id]
    assert len(await found(stores, "oncat")) == 1
    inside = await stores.talk(await stores.conversation(), "a wildcatter")
    (item,) = await found(stores, "dcat")
    assert hits(item) == ["dcat"] * len(hits(item))
    assert item.id == inside.generation.conversation_id


async def test_it_is_found_from_its_sending_or_settling_on(stores: Stores) -> None:
    conversation = await stores.conversation()
    turn = await stores.ask(conversation, "question", worker=WORKER)
    assert await finds(stores, "question")
    assert not await finds(stores, "half")
    await stores.generations.settle(turn.generation.id, WORKER, ending("half", Status.STOPPED))
    assert await finds(stores, "half")
    # Nobody settles twice.
    assert not await stores.generations.settle(turn.generation.id, WORKER, ending("other"))
    assert not await finds(stores, "other")


async def test_what_is_gone_is_not_found(stores: Stores) -> None:
    cleared = await stores.conversation(title="kept")
    deleted = await stores.conversation(title="lost")
    for conversation in (cleared, deleted):
        await stores.talk(conversation, "secret")
    await stores.conversations.clear(ME, cleared.id)
    await stores.conversations.delete(ME, deleted.id)

    assert not await finds(stores, "secret")
    assert not await finds(stores, "ecre")
    assert not await finds(stores, "lost")
    assert await finds(stores, "kept")
    await stores.talk(cleared, "again")
    assert await finds(stores, "again")


async def test_a_title_is_found_by_what_it_is_now(stores: Stores) -> None:
    conversation = await stores.conversation(title="first")
    await stores.conversations.update(ME, conversation.id, {"title": "second"})
    assert [await finds(stores, title) for title in ("first", "second")] == [False, True]
    await stores.conversations.update(ME, conversation.id, {"title": None})
    assert not await finds(stores, "second")
    await stores.conversations.add_title(ME, conversation.id, "third")
    assert await finds(stores, "third")


async def test_only_ones_own_and_what_is_shared_is_found(stores: Stores) -> None:
    conversation = await stores.conversation(title="hidden title")
    await stores.talk(conversation, "hidden text ->")
    queries = ("hidden", "idde", "->", "text hid")

    assert [await finds(stores, query, STRANGER) for query in queries] == [False] * 4
    await stores.members.put(ME, conversation.id, BOB, MemberRole.VIEWER)
    assert [await finds(stores, query, BOB) for query in queries] == [True] * 4


async def test_marks_choose_among_what_is_found(stores: Stores) -> None:
    plain, pinned, archived = [await stores.conversation(title="fox") for _ in range(3)]
    await stores.conversations.update(ME, pinned.id, {"pinned": True})
    await stores.conversations.update(ME, archived.id, {"archived": True})

    async def ids(**marks: bool) -> set[str]:
        shown: set[str] = set()
        for query in (None, "fox"):
            page = await stores.conversations.list(ME, Wanted(query, **marks), limit=9, cursor=None)
            shown = {item.id for item in page.items}
        return shown

    assert await ids() == {plain.id, pinned.id, archived.id}
    assert await ids(archived=False) == {plain.id, pinned.id}
    assert await ids(archived=True) == {archived.id}
    assert await ids(pinned=True) == {pinned.id}
    assert await ids(archived=False, pinned=False) == {plain.id}


@pytest.mark.parametrize("query", ["fox", "ox", "->"])
async def test_pages_of_what_is_found_stay_right(stores: Stores, query: str) -> None:
    made = [await stores.conversation(title=f"fox -> {number}") for number in range(5)]
    first = await stores.conversations.list(ME, Wanted(query), limit=2, cursor=None)
    # One that was shown, and one that was not, move up; another is made.
    for moved in (made[4], made[0]):
        await stores.ask(moved, "fox ->", on_busy=OnBusy.QUEUE)
    await stores.conversation(title="fox -> new")

    shown = [item.id for item in first.items]
    cursor = first.next_cursor
    while cursor is not None:
        page = await stores.conversations.list(ME, Wanted(query), limit=2, cursor=cursor)
        shown += [item.id for item in page.items]
        cursor = page.next_cursor

    assert shown == [it.id for it in reversed(made)]


@pytest.mark.parametrize(
    "cursor",
    ["", "1", "w1", "w1.2.3", "w1.2.3.4.5", "x1.2.3.4", "a1.2.3.-4", "a1.2.3.४", "1.2.3.4"],
)
async def test_a_cursor_that_is_none_of_ours_is_refused(stores: Stores, cursor: str) -> None:
    for query in (None, "fox"):
        with pytest.raises(Malformed):
            await stores.conversations.list(ME, Wanted(query), limit=2, cursor=cursor)
