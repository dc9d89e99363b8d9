"""P10: the same Idempotency-Key makes one message and one generation. (Across a kill: chaos.)"""

import asyncio

import pytest

from tests.client import Client

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_same_key_from_many_at_once_sends_once(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    responses = await asyncio.gather(
        *[client.try_send(conversation, "once", key="at-once") for _ in range(20)]
    )
    assert {response.status_code for response in responses} == {202}
    first = responses[0].json()
    assert all(response.json() == first for response in responses)
    await client.read(first["generation"]["id"])
    assert len(await client.messages(conversation)) == 2
    late = await client.send(conversation, "once", key="at-once")
    assert late.reply == first["reply"]


async def test_the_same_key_with_another_body_is_refused(client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    await client.send(conversation, "this", key="another-body")
    refused = await client.try_send(conversation, "that", key="another-body")
    assert (refused.status_code, refused.json()["type"]) == (422, "invalid")
    assert len(await client.messages(conversation)) == 2
