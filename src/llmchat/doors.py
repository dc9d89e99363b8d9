"""What the doors get of it: the services that their routes call."""

from llmchat import answering, entrance
from llmchat.chat.asking import AskingService
from llmchat.chat.history import HistoryService
from llmchat.chat.items import ItemService
from llmchat.chat.library import LibraryService
from llmchat.chat.quota import Quota
from llmchat.chat.responses import ResponseService
from llmchat.chat.service import ChatService
from llmchat.chat.sharing import SharingService
from llmchat.chat.speaking import Speaking
from llmchat.chat.stopping import Stopping
from llmchat.parts import VERSION, Parts
from llmchat.store.archives import SqlArchiveStore
from llmchat.store.clientmessages import SqlClientMessages
from llmchat.store.feedback import SqlFeedbackStore
from llmchat.store.items import SqlItemStore
from llmchat.store.members import SqlMemberStore
from llmchat.store.notes import SqlNoteStore
from llmchat.store.responses import SqlResponseStore
from llmchat.store.usage import SqlUsageStore
from llmchat.web.deps import Services
from llmchat.web.places import Places


def services_of(parts: Parts) -> Services:
    settings, log, database = parts.settings, parts.engines.log, parts.engines.database
    conversations, generations, news = parts.conversations, parts.generations, parts.news
    stopping = Stopping(parts.runner, parts.recovery, generations)
    quota = Quota(generations, settings.max_live_generations)
    chat = _chat(parts, stopping, quota)
    history = HistoryService(conversations=conversations, log=log, stopping=stopping, news=news)
    return Services(
        door=entrance.door(settings, parts.keys, parts.issuer_tokens, parts.rates),
        keys=parts.keys,
        audit=parts.audit,
        places=Places(per_caller=settings.max_streams_per_caller, in_all=settings.max_streams),
        chat=chat,
        speaking=_speaking(parts, chat),
        rooms=parts.rooms,
        socket_origins=settings.cors_origins or (),
        asking=AskingService(
            models=parts.models,
            runner=parts.runner,
            quota=quota,
            budget=parts.budget,
            defaults=answering.defaults(settings),
        ),
        history=history,
        library=LibraryService(SqlArchiveStore(database, parts.now), history),
        feedback=SqlFeedbackStore(database, parts.now),
        responses=ResponseService(
            chat, history, conversations, generations, SqlResponseStore(database), log
        ),
        client_messages=SqlClientMessages(database),
        items=ItemService(conversations, SqlItemStore(database, parts.now), news),
        sharing=SharingService(
            members=SqlMemberStore(database, parts.now),
            conversations=conversations,
            news=news,
            now=parts.now,
        ),
        watch=parts.rooms.watch,
        models=parts.models,
        usage=SqlUsageStore(database, parts.now),
        not_ready=parts.not_ready,
        warnings=parts.warnings,
        heartbeat_seconds=settings.heartbeat_seconds,
        # The settings are about the embedded store; Redis writes its file, and syncs it later.
        durability="process" if parts.engines.shared else settings.durability,
        version=VERSION,
    )


def _chat(parts: Parts, stopping: Stopping, quota: Quota) -> ChatService:
    return ChatService(
        conversations=parts.conversations,
        generations=parts.generations,
        log=parts.engines.log,
        models=parts.models,
        runner=parts.runner,
        stopping=stopping,
        news=parts.news,
        quota=quota,
        budget=parts.budget,
        spending=parts.spending,
        defaults=answering.defaults(parts.settings),
    )


def _speaking(parts: Parts, chat: ChatService) -> Speaking:
    return Speaking(
        chat=chat,
        conversations=parts.conversations,
        notes=SqlNoteStore(parts.engines.database, parts.now),
        models=parts.models,
        news=parts.news,
        rooms=parts.rooms,
    )
