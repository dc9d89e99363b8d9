"""The service in somebody's own program: no socket, no HTTP, and all else as it is served."""

from asyncio import Event
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self

from fastapi import FastAPI

from llmchat import logs
from llmchat.app import opened
from llmchat.conversing.chats import Chats
from llmchat.domain import LOCAL_OWNER
from llmchat.errors import Invalid
from llmchat.ids import OwnerId
from llmchat.inprocess import InProcessService, checked_user
from llmchat.instruments import Instruments, meters_of
from llmchat.settings import Settings, load_settings
from llmchat.web.deps import Services


class Chat(Chats):
    """A whole service in this process, with the methods of the HTTP client.

    async with Chat.open(data_dir="./data") as chat:
        conversation = await chat.create(system_prompt="Be brief.")
        async for piece in await conversation.send("Hello"):
            print(piece, end="")
    """

    def __init__(self, services: Services, over: Event) -> None:
        self._services = services
        self._over = over
        super().__init__(InProcessService(services, LOCAL_OWNER, over))

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | None = None, **overrides: Any
    ) -> AsyncGenerator[Self, None]:
        """Open it; behind this it is closed, and what is still being written is interrupted, with
        the text that it has (`go_on` goes on with it). With `shutdown_grace_seconds` it may end by
        itself for so long. Its log lines go to `logging`.

        The settings are those of `llmchat serve`, from the environment, `.env` and llmchat.toml,
        with the `overrides` (`data_dir`, `default_model`, …: fields of Settings) over them; or
        those that are given, and no others. Raises SettingsError, DataDirLocked when another
        process has the data directory, StorageUnavailable.
        """
        chosen = load_settings(**overrides) if settings is None else settings
        if settings is not None and overrides:
            raise Invalid("Give settings, or single fields of them, but not both.")
        # Nobody comes in from outside; and a first key would be made, and shown to nobody.
        changes: dict[str, Any] = {"auth": "open"}
        if "shutdown_grace_seconds" not in chosen.model_fields_set:
            changes["shutdown_grace_seconds"] = 0
        logs.pass_on()
        over = Event()
        settings = chosen.model_copy(update=changes)
        async with opened(settings, Instruments(meters_of(settings))) as (parts, services):
            try:
                yield cls(services, over)
            finally:
                await parts.drain()
                over.set()

    @classmethod
    def of(cls, app: FastAPI) -> Self:
        """The service that an application of `create_app` serves, once its lifespan has begun."""
        services: Services | None = getattr(app.state, "services", None)
        if services is None:
            raise Invalid("The application is not open yet: enter its lifespan first.")
        return cls(services, Event())

    def as_user(self, user: str) -> Chats:
        """The same for one of your users: all that is made through it is theirs, and what is
        another's does not exist for it. To know who they are is up to you."""
        return Chats(InProcessService(self._services, OwnerId(checked_user(user)), self._over))
