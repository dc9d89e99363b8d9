"""Whole conversations, as any door may take them away, bring them back and delete them."""

from collections.abc import Sequence

from llmchat.chat.history import HistoryService
from llmchat.domain import Conversation
from llmchat.errors import Forbidden, NotFound
from llmchat.ids import ConversationId, OwnerId
from llmchat.library.base import Archive, ArchiveStore


class LibraryService:
    def __init__(self, archives: ArchiveStore, history: HistoryService) -> None:
        self._archives = archives
        self._history = history

    async def export(self, user: OwnerId, id: ConversationId) -> Archive:
        """All of it that the user sees. Raises NotFound."""
        return await self._archives.read(user, id)

    async def add(self, owner: OwnerId, archive: Archive) -> Conversation:
        """Make it one of the owner's. Raises Invalid for what is no conversation."""
        return await self._archives.add(owner, archive)

    async def delete(
        self, owner: OwnerId, ids: Sequence[ConversationId]
    ) -> Sequence[ConversationId]:
        """Delete what of them is the owner's; which that was."""
        deleted = []
        for id in ids:
            try:
                await self._history.delete(owner, id)
            except (NotFound, Forbidden):
                continue  # As with one alone, but the others go all the same.
            deleted.append(id)
        return deleted
