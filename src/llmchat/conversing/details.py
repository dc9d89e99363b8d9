"""A conversation without its messages."""

from dataclasses import dataclass
from datetime import datetime

from llmchat.domain import CallerRole, Json, Params, ReplyMode
from llmchat.ids import ConversationId, MessageId


@dataclass(frozen=True, slots=True)
class Details:
    """Its settings and its times. `role` is the caller's in it."""

    id: ConversationId
    title: str | None
    system_prompt: str | None
    model: str | None
    params: Params
    metadata: Json
    archived: bool
    pinned: bool
    active_leaf: MessageId | None
    role: CallerRole
    generating: bool
    reply_mode: ReplyMode
    created_at: datetime
    updated_at: datetime
