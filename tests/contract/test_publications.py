"""What a broker has yet to be told: every implementation of the port keeps this contract."""

from dataclasses import replace

from llmchat.store.base import Publication
from tests.contract.stores import ME, OTHER_WORKER, WORKER, Stores


async def test_a_conversation_has_the_name_that_it_was_called_by_last(stores: Stores) -> None:
    conversation = await stores.conversation()
    assert await stores.publications.name_of(conversation.id) is None
    for name in ("kitchen", "kitchen", "küche"):
        await stores.publications.call(conversation.id, name)
        assert await stores.publications.name_of(conversation.id) == name


async def test_a_publication_is_kept_as_it_was_until_its_end(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    publication = Publication(
        turn.generation.id, "kitchen", 3, "id 1", "llmchat/kitchen/replies", b"\x00\xff", WORKER
    )
    assert await stores.publications.add(publication)
    assert not await stores.publications.add(replace(publication, cursor=9, name="other"))
    assert list(await stores.publications.unfinished()) == [publication]
    await stores.publications.end(turn.generation.id)
    assert list(await stores.publications.unfinished()) == []


async def test_only_its_publisher_moves_it(stores: Stores) -> None:
    turn = await stores.ask(await stores.conversation())
    id = turn.generation.id
    await stores.publications.add(Publication(id, "kitchen", publisher=WORKER))
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
    await stores.publications.add(Publication(turn.generation.id, "kitchen", publisher=WORKER))
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
    await stores.publications.add(Publication(turn.generation.id, "kitchen"))
    await stores.answer(turn)
    await stores.conversations.delete(ME, conversation.id)
    assert list(await stores.publications.unfinished()) == []
    assert await stores.publications.name_of(conversation.id) is None
