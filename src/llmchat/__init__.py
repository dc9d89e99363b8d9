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
    "AnswerReset": "conversing.answer",
    "Bot": "conversing.bot",
    "Chat": "embedded",
    "Chats": "conversing.chats",
    "Client": "client",
    "Conversation": "conversing.conversation",
    "Image": "domain",
    "Incoming": "conversing.bot",
    "Message": "domain",
    "OnBusy": "domain",
    "Params": "domain",
    "Role": "domain",
    "Settings": "settings",
    "Status": "domain",
    "ToolResult": "domain",
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
