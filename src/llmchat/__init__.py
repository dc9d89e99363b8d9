"""What a program that embeds llmchat imports: each name loads its module when it is first used.

    from llmchat import Chat, Client

This is the only package marker with anything in it. An import here at once would make `--help` wait
for the whole service, and would load the service for whoever wants the client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmchat.app import create_app as create_app
    from llmchat.client import Client as Client
    from llmchat.conversing.answer import Answer as Answer
    from llmchat.conversing.answer import AnswerReset as AnswerReset
    from llmchat.conversing.bot import Bot as Bot
    from llmchat.conversing.bot import Incoming as Incoming
    from llmchat.conversing.chats import Chats as Chats
    from llmchat.conversing.conversation import Conversation as Conversation
    from llmchat.conversing.happenings import AnswerEvent as AnswerEvent
    from llmchat.conversing.happenings import ConversationChanged as ConversationChanged
    from llmchat.conversing.happenings import ConversationDeleted as ConversationDeleted
    from llmchat.conversing.happenings import LiveAnswer as LiveAnswer
    from llmchat.conversing.happenings import MessageAdded as MessageAdded
    from llmchat.conversing.happenings import Snapshot as Snapshot
    from llmchat.conversing.happenings import TypingChanged as TypingChanged
    from llmchat.domain import Image as Image
    from llmchat.domain import Message as Message
    from llmchat.domain import OnBusy as OnBusy
    from llmchat.domain import Params as Params
    from llmchat.domain import Role as Role
    from llmchat.domain import Status as Status
    from llmchat.domain import ToolResult as ToolResult
    from llmchat.embedded import Chat as Chat
    from llmchat.settings import Settings as Settings
    from llmchat.settings import load_settings as load_settings

_PLACES = {
    "Answer": "conversing.answer",
    "AnswerEvent": "conversing.happenings",
    "AnswerReset": "conversing.answer",
    "Bot": "conversing.bot",
    "Chat": "embedded",
    "Chats": "conversing.chats",
    "Client": "client",
    "Conversation": "conversing.conversation",
    "ConversationChanged": "conversing.happenings",
    "ConversationDeleted": "conversing.happenings",
    "Image": "domain",
    "Incoming": "conversing.bot",
    "LiveAnswer": "conversing.happenings",
    "Message": "domain",
    "MessageAdded": "conversing.happenings",
    "OnBusy": "domain",
    "Params": "domain",
    "Role": "domain",
    "Settings": "settings",
    "Snapshot": "conversing.happenings",
    "Status": "domain",
    "ToolResult": "domain",
    "TypingChanged": "conversing.happenings",
    "create_app": "app",
    "load_settings": "settings",
}
__all__ = sorted(_PLACES)  # noqa: PLE0605 - a test compares it with what type checkers see


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
