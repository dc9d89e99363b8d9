"""What a broker has yet to be told: every implementation of the port keeps this contract."""

from dataclasses import replace

import pytest

from llmchat.errors import RateLimited
from llmchat.store.drafts import BEGUN, Asker, Publication
from tests.contract.stores import ME, OTHER_WORKER, WORKER, Stores

KITCHEN = Asker("kitchen")


async def test_a_conversation_has_the_name_that_it_was_called_by_last(stores: Stores) -> None:
    conversation = await stores.conversation()
    assert await stores.publications.name_of(conversation.id) is None
    for name in ("kitchen", "kitchen", "küche"):
        await stores.publications.call(conversation.id, name)
        assert await stores.publications.name_of(conversation.id) == name


async def test_a_publication_is_kept_as_it_was_until_its_end(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    asker = Asker("kitchen", "id 1", "llmchat/kitchen/replies", b"\x00\xff")
    publication = Publication(turn.generation.id, asker, 3, (), WORKER)
    assert await stores.publications.add(publication)
    assert not await stores.publications.add(replace(publication, cursor=9))
    assert list(await stores.publications.unfinished()) == [publication]
    assert not await stores.publications.end(turn.generation.id, 0)
    assert list(await stores.publications.unfinished()) == []


async def test_only_its_publisher_moves_it(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    id = turn.generation.id
    await stores.publications.add(Publication(id, KITCHEN, publisher=WORKER))
    await stores.publications.advance(OTHER_WORKER, {id: 5})
    (seen,) = await stores.publications.unfinished()
    assert (seen.cursor, seen.beats) == (0, 0)
    await stores.publications.advance(WORKER, {id: 5})
    assert not await stores.publications.take_over(seen, OTHER_WORKER)
    (seen,) = await stores.publications.unfinished()
    assert (seen.cursor, seen.beats) == (5, 1)
    assert await stores.publications.take_over(seen, OTHER_WORKER)
    assert not await stores.publications.take_over(seen, WORKER)
    await stores.publications.advance(WORKER, {id: 9})
    (seen,) = await stores.publications.unfinished()
    assert (seen.cursor, seen.publisher) == (5, OTHER_WORKER)


async def test_what_is_released_is_anybodys(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    await stores.publications.add(Publication(turn.generation.id, KITCHEN, publisher=WORKER))
    await stores.publications.release(OTHER_WORKER)
    (seen,) = await stores.publications.unfinished()
    assert seen.publisher == WORKER
    await stores.publications.release(WORKER)
    (seen,) = await stores.publications.unfinished()
    assert seen.publisher is None
    assert await stores.publications.take_over(seen, OTHER_WORKER)


async def test_it_goes_with_its_conversation(stores: Stores) -> None:
    conversation = await stores.conversation()
    turn = await stores.ask(conversation)
    await stores.publications.call(conversation.id, "kitchen")
    await stores.publications.add(Publication(turn.generation.id, KITCHEN))
    await stores.answer(turn)
    await stores.conversations.delete(ME, conversation.id)
    assert list(await stores.publications.unfinished()) == []
    assert await stores.publications.name_of(conversation.id) is None


async def test_an_answer_is_to_be_told_from_the_moment_in_which_its_turn_is_stored(
    stores: Stores,
) -> None:
    conversation = await stores.conversation()
    first = await stores.ask(conversation)
    assert list(await stores.publications.unfinished()) == []
    await stores.answer(first)
    await stores.publications.call(conversation.id, "kitchen")
    turn = await stores.ask(conversation)
    id = turn.generation.id
    assert list(await stores.publications.unfinished()) == [
        Publication(id, KITCHEN, publisher=BEGUN)
    ]
    assert await stores.publications.begin(first.generation.id, WORKER) is None
    begun = await stores.publications.begin(id, WORKER)
    assert begun == Publication(id, KITCHEN, publisher=WORKER)
    assert await stores.publications.begin(id, OTHER_WORKER) is None
    await stores.publications.drop(id)
    await stores.answer(turn)
    again = await stores.ask_again(turn)
    (told,) = await stores.publications.unfinished()
    assert told.id == again.generation.id


async def test_who_asks_over_the_broker_is_told_as_they_ask(stores: Stores) -> None:
    asker = Asker("garden", "7", "llmchat/garden/replies", b"\xff")
    turn = await stores.ask(await stores.conversation(), asker=asker)
    (told,) = await stores.publications.unfinished()
    assert told == Publication(turn.generation.id, asker, publisher=BEGUN)


async def test_who_asks_again_is_told_its_end_and_holds_it_up_until_then(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation(), asker=KITCHEN)
    id = turn.generation.id
    late = Asker("garden", None, "llmchat/garden/replies", b"\x00\xff")
    for asker in (late, KITCHEN, late):
        assert await stores.publications.join(id, asker)
    assert list(await stores.publications.end(id, 0)) == [late]
    other = Asker("kitchen", "8")
    assert await stores.publications.join(id, other)
    assert list(await stores.publications.end(id, 1)) == [other]
    (seen,) = await stores.publications.unfinished()
    assert list(seen.others) == [late, other]
    assert list(await stores.publications.end(id, 2)) == []
    assert not await stores.publications.join(id, late)
    assert list(await stores.publications.unfinished()) == []


async def test_so_many_may_ask_again(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation(), asker=KITCHEN)
    for number in range(16):
        assert await stores.publications.join(turn.generation.id, Asker("kitchen", str(number)))
    with pytest.raises(RateLimited):
        await stores.publications.join(turn.generation.id, Asker("kitchen", "one more"))
