"""What the routes get: the services, the caller, the idempotency key."""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Header, Request

from llmchat.access.audit import Audit
from llmchat.access.keys import Keys
from llmchat.access.usage import UsageStore
from llmchat.chat.asking import AskingService
from llmchat.chat.clientchats import ClientMessages
from llmchat.chat.experimenting import ExperimentingService
from llmchat.chat.history import HistoryService
from llmchat.chat.items import ItemService
from llmchat.chat.library import LibraryService
from llmchat.chat.oversight import Oversight
from llmchat.chat.responses import ResponseService
from llmchat.chat.rooms import Rooms
from llmchat.chat.service import ChatService
from llmchat.chat.sharing import SharingService
from llmchat.chat.speaking import Speaking
from llmchat.chat.spending import Spending
from llmchat.chat.templating import TemplatingService
from llmchat.chat.watching import ConversationWatch
from llmchat.experiments.base import ExperimentStore
from llmchat.ids import OwnerId
from llmchat.library.base import FeedbackStore
from llmchat.providers.base import Models
from llmchat.store.drafts import IdempotencyKey
from llmchat.templates.base import TemplateStore
from llmchat.web.auth import Door, principal_of
from llmchat.web.places import Places
from llmchat.web.watched import Figures, Onlooker


@dataclass(slots=True)
class Broker:
    """Over which devices are heard: whether it is there; None where the settings name none."""

    connected: bool | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """Made once, in the lifespan. `not_ready` names what keeps the service from its work,
    `warnings` the promises that it cannot keep as it is set up."""

    door: Door
    places: Places
    keys: Keys
    audit: Audit
    chat: ChatService
    asking: AskingService
    history: HistoryService
    feedback: FeedbackStore
    library: LibraryService
    client_messages: ClientMessages
    responses: ResponseService
    items: ItemService
    sharing: SharingService
    speaking: Speaking
    watch: ConversationWatch
    rooms: Rooms
    socket_origins: Collection[str]
    """Of pages elsewhere that may open sockets."""
    models: Models
    usage: UsageStore
    spending: Spending
    oversight: Oversight
    templates: TemplateStore
    templating: TemplatingService
    experiments: ExperimentStore
    experimenting: ExperimentingService
    not_ready: Callable[[], Awaitable[Sequence[str]]]
    warnings: Callable[[], Awaitable[Sequence[str]]]
    onlooker: Onlooker
    figures: Figures
    heartbeat_seconds: float
    durability: str
    version: str
    broker: Broker = field(default_factory=Broker)


async def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def caller_of(request: Request) -> OwnerId:
    """Whose objects the caller may see."""
    return (await principal_of(request)).user


async def _idempotency(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            pattern=r"^[\x21-\x7e]+$",
            max_length=255,
            description="Any text of your own. For 24 hours, the same key with the same body gives "
            "the same answer and one generation: safe to send again when an answer was lost.",
        ),
    ] = None,
) -> IdempotencyKey | None:
    if key is None:
        return None
    asked = b"\0".join(
        [request.method.encode(), request.scope["path"].encode(), await request.body()]
    )
    return IdempotencyKey(key, hashlib.sha256(asked).hexdigest())


Use = Annotated[Services, Depends(services_of)]
Caller = Annotated[OwnerId, Depends(caller_of)]
Idempotency = Annotated[IdempotencyKey | None, Depends(_idempotency)]
