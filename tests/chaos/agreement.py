"""Whether every process, every reader and the history say the same of one answer."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from tests.client import Client, Json, Sent
from tests.reader import Reader, Refused
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS


async def agreed(
    clients: Sequence[Client], conversation: str, sent: Sent, readers: Sequence[Reader] = ()
) -> Reader:
    """Ask all of these processes; a replay, once all of them and all readers agree with it."""
    replays = [await client.read(sent.generation_id) for client in clients]
    read = [*readers, *replays]
    found: list[Json] = []
    for client in clients:
        found.append(await client.generation(sent.generation_id))
        message = await client.message(conversation, sent.reply_id)
        found.append({"text": message["content"], **message})
        assert (await client.show(conversation))["active_generations"] == []
    assert {it["status"] for it in found} | {it.status for it in read} == {replays[0].status}
    assert {it["text"] for it in found} | {it.text for it in read} == {replays[0].text}
    last = {it.cursor for it in read} | {it["last_event_id"] for it in found[::2]}
    assert last == {replays[0].cursor}
    return replays[0]


async def read_patiently(reader: Reader) -> Reader:
    """To the terminal, over as many connections as it takes, also when some of them are answered
    by 503: whoever can wait for a storage that is down sees no more of it than that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while reader.terminal is None and not reader.no_content:
            try:
                await reader.read_on()
            except Refused as refused:
                if refused.response.status_code != 503:
                    raise
            if reader.terminal is None:
                await asyncio.sleep(LOOK_SECONDS)
    return reader


async def send_patiently(
    client: Client, conversation: str, content: str, *, key: str, **fields: Any
) -> tuple[httpx2.Response, bool]:
    """With the same key again for as long as the answer is 503: where many send at once on a busy
    machine, a database that is only slow looks like one that is away. Also whether it ever did."""
    refused = False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            response = await client.try_send(conversation, content, key=key, **fields)
            if response.status_code != 503:
                return response, refused
            refused = True
            # Who comes back at once is what keeps it slow.
            await asyncio.sleep(int(response.headers["retry-after"]))
