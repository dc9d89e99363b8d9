"""Members of conversations, and links that show one to whoever has them."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from llmchat.access.keys import digest_of
from llmchat.access.members import Link, Member, MemberRole, MemberStore
from llmchat.chat.feed import ConversationChanged, MemberChanged, MemberRemoved
from llmchat.chat.news import News
from llmchat.domain import Conversation, Message, Page
from llmchat.errors import NotFound
from llmchat.ids import ConversationId, LinkId, OwnerId, new_id
from llmchat.store.base import ConversationStore


class SharingService:
    """Only the owner shares. Every method raises NotFound for who is no member, as if there were no
    conversation, and Forbidden for a member."""

    def __init__(
        self,
        *,
        members: MemberStore,
        conversations: ConversationStore,
        news: News,
        now: Callable[[], datetime],
    ) -> None:
        self._members = members
        self._conversations = conversations
        self._news = news
        self._now = now

    async def add(
        self, owner: OwnerId, id: ConversationId, user: OwnerId, role: MemberRole
    ) -> Member:
        """Make somebody a member, or give a member another role, at once also in what they read of
        it. Raises Invalid, too."""
        member = await self._members.put(owner, id, user, role)
        # Its owner's open pages are in a room from now on, and the member's show the role.
        conversation = await self._conversations.get(owner, id)
        changed = MemberChanged(user, role.value)
        self._news.announce(owner, id, changed, ConversationChanged(conversation))
        return member

    async def members(self, user: OwnerId, id: ConversationId) -> Sequence[Member]:
        """Members see them, too."""
        return await self._members.list(user, id)

    async def remove(self, caller: OwnerId, id: ConversationId, user: OwnerId) -> None:
        """Members may remove themselves. Their streams of it end: the conversation's at once,
        those of its answers within seconds."""
        await self._members.remove(caller, id, user)
        self._news.announce(caller, id, MemberRemoved(user))

    async def make_link(self, owner: OwnerId, id: ConversationId) -> tuple[Link, str]:
        """A new link in the place of the earlier one, and its secret: the only time that anybody
        sees it."""
        secret = secrets.token_urlsafe(32)
        link = Link(LinkId(new_id("link")), id, digest_of(secret), self._now())
        await self._members.put_link(owner, link)
        return link, secret

    async def remove_link(self, owner: OwnerId, id: ConversationId) -> None:
        await self._members.remove_link(owner, id)

    async def shown(
        self, secret: str, *, limit: int, cursor: str | None
    ) -> tuple[Conversation, Page[Message]]:
        """What a link shows: the conversation, and a page of its active branch. Raises NotFound
        for a secret that opens nothing."""
        found = await self._members.find_link(digest_of(secret))
        if found is None:
            raise _no_link()
        try:
            conversation = await self._conversations.get(*found)
            page = await self._conversations.messages(
                *found, limit=limit, cursor=cursor, leaf=None, order="asc"
            )
        except NotFound as deleted:
            raise _no_link() from deleted
        # Whoever has the link need not learn who is behind it, nor what the owner thinks of it.
        shown = [replace(message, author=None, feedback=None) for message in page.items]
        return conversation, Page(shown, page.next_cursor)


def _no_link() -> NotFound:
    return NotFound("There is no such link, or it was revoked. Ask whoever gave it to you.")
