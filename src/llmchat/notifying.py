"""Whom to tell what happens, as the settings say."""

from contextlib import AsyncExitStack

from llmchat.chat.announcing import Announcements
from llmchat.clock import Clock
from llmchat.engines import Engines
from llmchat.settings import Settings
from llmchat.store.outbox import SqlOutbox
from llmchat.webhooks.announcing import Announcer
from llmchat.webhooks.base import Endpoint, EventType, Onlooker
from llmchat.webhooks.deliverer import Deliverer
from llmchat.webhooks.posting import Poster


async def open_webhooks(
    settings: Settings,
    engines: Engines,
    clock: Clock,
    stack: AsyncExitStack,
    onlooker: Onlooker,
    *,
    version: str,
) -> Announcements:
    endpoints = [
        Endpoint(name, it.url, it.keys, frozenset(map(EventType, it.events)))
        for name, it in settings.all_webhooks.items()
    ]
    outbox = SqlOutbox(engines.database, clock.now)
    poster = Poster(agent=f"llmchat/{version}", private=settings.webhook_private_addresses)
    deliverer = Deliverer(outbox, endpoints, poster, now=clock.now, onlooker=onlooker)
    await stack.enter_async_context(deliverer)
    return Announcements(Announcer(endpoints), outbox, wake=deliverer.wake, now=clock.now)
