"""All that one caller has: conversations, by id and by name, answers, models."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from llmchat.conversing.answer import Answer
from llmchat.conversing.asking import Choices, settings_fields
from llmchat.conversing.base import Service
from llmchat.conversing.conversation import Conversation
from llmchat.conversing.details import Details
from llmchat.conversing.names import checked_id, checked_query
from llmchat.domain import Model, ReplyMode, Wanted
from llmchat.ids import ConversationId, GenerationId


class Chats:
    """The same for a service in this process (llmchat.Chat) and one at the end of a wire
    (llmchat.client.Client)."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create(
        self,
        *,
        title: str | None = None,
        system_prompt: str | None = None,
        model: str | None = None,
        params: Choices | None = None,
        metadata: Mapping[str, Any] | None = None,
        reply_mode: ReplyMode | None = None,
    ) -> Conversation:
        """Begin a conversation. All of it may be left out."""
        fields = settings_fields(
            title=title,
            system_prompt=system_prompt,
            model=model,
            params=params,
            metadata=metadata,
            reply_mode=reply_mode,
        )
        return Conversation(self._service, (await self._service.create(fields)).id)

    async def session(
        self,
        name: str,
        *,
        title: str | None = None,
        system_prompt: str | None = None,
        model: str | None = None,
        params: Choices | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Conversation:
        """The conversation with your own name for it (of up to 128 characters, unique among those
        of the same user), made from the rest when it is new: `discord:4711`, `invoice 12`."""
        fields = settings_fields(
            session_id=name,
            title=title,
            system_prompt=system_prompt,
            model=model,
            params=params,
            metadata=metadata,
        )
        return Conversation(self._service, (await self._service.create(fields)).id)

    async def conversation(self, id: ConversationId | str) -> Conversation:
        """The conversation with this id. Raises NotFound, Invalid."""
        found = await self._service.get(ConversationId(checked_id(id)))
        return Conversation(self._service, found.id)

    async def conversations(
        self,
        query: str | None = None,
        *,
        archived: bool | None = False,
        pinned: bool | None = None,
    ) -> AsyncGenerator[Details, None]:
        """That with the newest message first. `query` looks in titles and messages; None for a mark
        is whether or not. Raises Invalid."""
        words = None if query is None else checked_query(query)
        wanted, cursor = Wanted(words, archived, pinned), None
        while True:
            page = await self._service.list(wanted, cursor=cursor)
            for details in page.items:
                yield details
            if (cursor := page.next_cursor) is None:
                return

    async def answer(self, id: GenerationId | str) -> Answer:
        """An answer by the id of its generation, whoever has asked for it. Raises NotFound,
        Invalid."""
        return Answer(self._service, await self._service.standing(GenerationId(checked_id(id))))

    async def models(self) -> Sequence[Model]:
        """All the models there are."""
        return (await self._service.models()).models

    async def default_model(self) -> str:
        """The model that answers who names none."""
        return (await self._service.models()).default
