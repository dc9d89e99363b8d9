"""The moment from which a kill has something to lose."""

import asyncio
from collections.abc import Sequence

from tests.reader import Reader
from tests.service import LOOK_SECONDS, PATIENCE_SECONDS


async def until_shown(readers: Sequence[Reader]) -> None:
    """Until one of those who read has text. A machine can be too slow for any to be there at a
    moment that was drawn beforehand, and then the kill that follows proves nothing."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any(reader.text for reader in readers):  # noqa: ASYNC110 - readers set no Event
            await asyncio.sleep(LOOK_SECONDS)
