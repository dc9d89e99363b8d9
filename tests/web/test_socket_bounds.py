"""Sockets under clients who send too much, read too little, or send what nobody should."""

import asyncio
import socket
import struct
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from llmchat.web.socket import outbox
from tests.client import Client, Json
from tests.process import LOOK_SECONDS
from tests.sockets import PATIENCE_SECONDS, Socket, joined, opened
from tests.web.conftest import UNPACED

MUCH = " ".join(["字" * 128] * 2300)
"""To be said back: more bytes than wait anywhere for who does not read, in few tokens."""


async def test_a_frame_that_is_too_big_ends_the_socket(base_url: str) -> None:
    async with opened(base_url) as it:
        await it.wire.send("x" * (1024 * 1024))
        assert (await it.next())["problem"]["status"] == 400
        await it.wire.send("x" * (1024 * 1024 + 1))
        assert await it.closed() == 1009


async def test_a_message_in_pieces_is_one_and_has_not_too_many(base_url: str) -> None:
    async with opened(base_url) as it:
        await it.wire.send(['{"type":', ' "ping"', ', "ref": "1"}'])
        assert await it.next() == {"type": "pong", "ref": "1"}
        await it.wire.send(["x", *[""] * 2000])
        assert await it.closed() == 1009


async def test_text_that_is_no_utf8_ends_the_socket(base_url: str) -> None:
    async with opened(base_url) as it:
        await it.wire.send(b"\xff\xfe", text=True)
        assert await it.closed() == 1007


async def test_a_flood_is_slowed_down_and_each_frame_answered(base_url: str) -> None:
    async with opened(base_url) as flooder, opened(base_url) as other:
        sending = asyncio.gather(*[flooder.say("ping", ref=f"{n}") for n in range(160)])
        assert (await other.asked("ping"))["type"] == "pong"
        answers = [await flooder.next() for _ in range(160)]
        await sending
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert 0 < len(refused) <= 60
        assert {answer["problem"]["type"] for answer in refused} == {"rate_limited"}
        assert {answer["type"] for answer in answers} == {"pong", "error"}


async def test_who_stops_reading_is_told_where_to_go_on(base_url: str, client: Client) -> None:
    conversation = await client.conversation(model="demo/echo")
    async with (
        opened(base_url, max_queue=1, sock=socket_that_takes_little(base_url)) as stalled,
        joined(base_url, conversation) as reader,
    ):
        await stalled.join(conversation)
        behind = await left_behind(stalled, reader, client, conversation)
        id = behind["generation_id"]
        assert behind["after"] == stalled.lasts.get(id, 0)
        await caught_up(stalled, behind)
        assert stalled.texts[id] == reader.texts[id] == f"You said: {MUCH}"


async def left_behind(stalled: Socket, reader: Socket, client: Client, conversation: str) -> Json:
    """Not to read for long; again, should the service have been so slow that it missed it."""
    while True:
        sent = await client.send(conversation, MUCH, params={"extra": UNPACED})
        # Nobody waits for who is stalled.
        await reader.until("finished", generation_id=sent.generation_id)
        await asyncio.sleep(1.5 * outbox.PATIENCE_SECONDS)
        frame = await stalled.until_any("behind", "finished", generation_id=sent.generation_id)
        if frame["type"] == "behind":
            return frame


async def caught_up(stalled: Socket, behind: Json) -> None:
    """To the end; whoever is slow again is told so again."""
    id = behind["generation_id"]
    while behind["type"] == "behind":
        resumed = await stalled.asked("resume", generation_id=id, after=behind["after"])
        assert resumed["type"] == "resumed"
        behind = await stalled.until_any("behind", "finished", generation_id=id)


def socket_that_takes_little(base_url: str) -> socket.socket:
    """Else the kernel has read for its client what the client has not."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    url = urlsplit(base_url)
    found.connect((url.hostname, url.port))
    return found


async def test_pings_of_who_reads_no_pongs_end_the_connection(base_url: str) -> None:
    async with opened(base_url) as it:
        raw = it.wire.transport
        raw.pause_reading()
        ping = struct.pack("!BB4s", 0x89, 0x80 | 125, bytes(4)) + bytes(125)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not raw.is_closing():
                if raw.get_write_buffer_size() < 1024 * 1024:
                    raw.write(ping * 1000)
                await asyncio.sleep(LOOK_SECONDS)
        raw.abort()


async def test_a_ping_while_much_is_on_its_way_is_answered_behind_it(
    base_url: str, client: Client
) -> None:
    """Libraries send one every 20 s, and a long message may take longer over a slow line."""
    conversation = await client.conversation(model="demo/echo")
    async with (
        opened(base_url, sock=socket_that_takes_little(base_url)) as slow,
        joined(base_url, conversation) as reader,
    ):
        await slow.join(conversation)
        slow.wire.transport.pause_reading()
        await client.send(conversation, MUCH, params={"max_tokens": 1})
        await reader.until("finished")
        answered = await slow.wire.ping()
        slow.wire.transport.resume_reading()
        await slow.until("finished")
        await answered


async def test_a_socket_that_was_closed_says_so(base_url: str) -> None:
    async with opened(base_url) as it:
        await it.wire.close()
        with pytest.raises(ConnectionClosed):
            await it.next()
