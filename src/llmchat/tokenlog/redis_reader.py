"""What is in the stream of a log."""

from typing import Any

from llmchat.ids import GenerationId
from llmchat.redis import RedisClient
from llmchat.tokenlog.mirror import Chunk
from llmchat.tokenlog.redis_scripts import keys_of

_PAGE = 512


async def read_chunks(
    client: RedisClient, log: GenerationId, after: int, upto: int, most_chars: int | None = None
) -> list[Chunk]:
    """From the one that has the offset behind `after` in it, to `upto`; about `most_chars`. Empty
    when there is no such log."""
    chunks: list[Chunk] = []
    chars = 0
    while after < upto and (most_chars is None or chars < most_chars):
        page = await _page(client, log, after, upto)
        for chunk in page:
            chunks.append(chunk)
            chars += len(chunk.payload)
            if most_chars is not None and chars >= most_chars:
                break
        if not page:
            break
        after = chunks[-1].last
    return chunks


async def _page(client: RedisClient, log: GenerationId, after: int, upto: int) -> list[Chunk]:
    stream = keys_of(log)[0]
    rows: Any = await client.call("XRANGE", stream, f"{after + 1}-0", "+", "COUNT", _PAGE)
    found = [
        Chunk(int(first), int(id_.split(b"-")[0]), payload)
        for id_, fields in rows
        for first, payload in fields.items()
    ]
    return [chunk for chunk in found if chunk.first <= upto]
