"""Conversations as a list shows them, with the place where a search found something."""

from llmchat import domain
from llmchat.web.schemas import Conversation, Shape, conversation_members


class SnippetPart(Shape):
    text: str
    hit: bool
    """Whether it is what was looked for."""


class Match(Shape):
    message_id: str
    snippet_parts: list[SnippetPart]
    """The place in the message, as plain text in pieces."""


class ListedConversation(Conversation):
    match: Match | None
    """With `q`: the newest message that has it; null when only the title does."""


class ConversationPage(Shape):
    items: list[ListedConversation]
    next_cursor: str | None
    """The `cursor` of the next page; null on the last one."""


def listed(found: domain.Conversation) -> ListedConversation:
    match = None
    if found.match is not None:
        parts = [SnippetPart.model_validate(piece) for piece in found.match.snippet]
        match = Match(message_id=found.match.message_id, snippet_parts=parts)
    return ListedConversation(**conversation_members(found), match=match)
