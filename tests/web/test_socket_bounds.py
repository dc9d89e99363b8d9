"""Sockets under clients who send too much, read too little, or send what nobody should."""

import asyncio
import socket
import struct
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from tests.client import Client
from tests.process import LOOK_SECONDS
from tests.sockets import PATIENCE_SECONDS, joined, opened
from tests.upstream import answer_text
from tests.web.conftest import UNPACED


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
    conversation = await client.conversation()
    tokens = 40_000
    little = socket_that_takes_little(base_url)
    async with (
        opened(base_url, max_queue=1, sock=little) as stalled,
        joined(base_url, conversation) as reader,
    ):
        await stalled.join(conversation)
        for _ in range(4):
            await reader.say(
                "send_message",
                conversation_id=conversation,
                content="go",
                model="demo/story",
                params={"extra": {"tokens": tokens, **UNPACED}},
            )
        for _ in range(4):
            # Nobody waits for who is stalled.
            await reader.until("finished")
        behind = await stalled.until("behind")
        id = behind["generation_id"]
        assert behind["after"] == stalled.lasts.get(id, 0)
        resumed = await stalled.asked("resume", generation_id=id, after=behind["after"])
        assert resumed["type"] == "resumed"
        await stalled.until("finished", generation_id=id)
        assert stalled.texts[id] == reader.texts[id] == answer_text(tokens=tokens)


def socket_that_takes_little(base_url: str) -> socket.socket:
    """Else the kernel has read for its client what the client has not."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
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


async def test_a_socket_that_was_closed_says_so(base_url: str) -> None:
    async with opened(base_url) as it:
        await it.wire.close()
        with pytest.raises(ConnectionClosed):
            await it.next()
