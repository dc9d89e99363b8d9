"""What users think of answers: each their own, and nobody else's."""

import pytest

from llmchat.access.members import MemberRole
from llmchat.domain import Feedback
from llmchat.errors import Invalid, NotFound
from llmchat.ids import MessageId, OwnerId
from tests.contract.stores import ME, STRANGER, Stores

VIEWER = OwnerId("viewer")
GOOD, BAD = Feedback(1), Feedback(-1, "Zu lang; \N{PILE OF POO}.")


async def thought(stores: Stores, user: OwnerId, of: MessageId) -> Feedback | None:
    id = (await stores.conversations.message(ME, of)).conversation_id
    page = await stores.conversations.messages(
        user, id, limit=1, cursor=None, leaf=of, order="desc"
    )
    return page.items[0].feedback


async def test_the_last_judgement_is_the_one_that_stays(stores: Stores) -> None:
    reply = (await stores.talk(await stores.conversation())).reply.id

    assert await thought(stores, ME, reply) is None
    await stores.feedback.put(ME, reply, GOOD)
    assert await thought(stores, ME, reply) == GOOD
    await stores.feedback.put(ME, reply, BAD)
    assert await thought(stores, ME, reply) == BAD
    await stores.feedback.remove(ME, reply)
    await stores.feedback.remove(ME, reply)
    assert await thought(stores, ME, reply) is None


async def test_each_member_has_their_own(stores: Stores) -> None:
    conversation = await stores.conversation()
    reply = (await stores.talk(conversation)).reply.id
    await stores.members.put(ME, conversation.id, VIEWER, MemberRole.VIEWER)

    await stores.feedback.put(ME, reply, GOOD)
    await stores.feedback.put(VIEWER, reply, BAD)
    await stores.feedback.remove(ME, reply)

    assert await thought(stores, ME, reply) is None
    assert await thought(stores, VIEWER, reply) == BAD


async def test_of_anothers_answer_there_is_nothing_to_think(stores: Stores) -> None:
    reply = (await stores.talk(await stores.conversation())).reply.id
    missing = MessageId(reply[:-4] + "zzzz")

    for id in (reply, missing):
        with pytest.raises(NotFound, match=f"There is no message {id}"):
            await stores.feedback.put(STRANGER, id, GOOD)
        with pytest.raises(NotFound, match=f"There is no message {id}"):
            await stores.feedback.remove(STRANGER, id)


async def test_only_answers_are_judged(stores: Stores) -> None:
    question = (await stores.talk(await stores.conversation())).message.id

    with pytest.raises(Invalid, match="no answer"):
        await stores.feedback.put(ME, question, GOOD)


async def test_it_goes_with_its_message(stores: Stores) -> None:
    conversation = await stores.conversation()
    reply = (await stores.talk(conversation)).reply.id
    await stores.feedback.put(ME, reply, GOOD)

    await stores.conversations.clear(ME, conversation.id)

    with pytest.raises(NotFound):
        await stores.feedback.put(ME, reply, GOOD)
