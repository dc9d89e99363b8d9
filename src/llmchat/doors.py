"""What the doors get of it: the services that their routes call."""

from llmchat import answering, entrance
from llmchat.chat.asking import AskingService
from llmchat.chat.history import HistoryService
from llmchat.chat.library import LibraryService
from llmchat.chat.quota import Quota
from llmchat.chat.service import ChatService
from llmchat.chat.sharing import SharingService
from llmchat.chat.stopping import Stopping
from llmchat.chat.watching import ConversationWatch
from llmchat.parts import VERSION, Parts
from llmchat.store.archives import SqlArchiveStore
from llmchat.store.feedback import SqlFeedbackStore
from llmchat.store.members import SqlMemberStore
from llmchat.store.usage import SqlUsageStore
from llmchat.web.deps import Services
from llmchat.web.places import Places


def services_of(parts: Parts) -> Services:
    settings, log = parts.settings, parts.engines.log
    stopping = Stopping(parts.runner, parts.recovery, parts.generations)
    quota = Quota(parts.generations, settings.max_live_generations)
    history = HistoryService(
        conversations=parts.conversations, log=log, stopping=stopping, news=parts.news
    )
    return Services(
        door=entrance.door(settings, parts.keys, parts.issuer_tokens, parts.rates),
        keys=parts.keys,
        audit=parts.audit,
        places=Places(per_caller=settings.max_streams_per_caller, in_all=settings.max_streams),
        chat=ChatService(
            conversations=parts.conversations,
            generations=parts.generations,
            log=log,
            models=parts.models,
            runner=parts.runner,
            stopping=stopping,
            news=parts.news,
            quota=quota,
            budget=parts.budget,
            spending=parts.spending,
            defaults=answering.defaults(settings),
        ),
        asking=AskingService(
            models=parts.models,
            runner=parts.runner,
            quota=quota,
            budget=parts.budget,
            defaults=answering.defaults(settings),
        ),
        history=history,
        library=LibraryService(SqlArchiveStore(parts.engines.database, parts.now), history),
        feedback=SqlFeedbackStore(parts.engines.database, parts.now),
        sharing=SharingService(
            members=SqlMemberStore(parts.engines.database, parts.now),
            conversations=parts.conversations,
            now=parts.now,
        ),
        watch=ConversationWatch(parts.conversations, log, parts.feed),
        models=parts.models,
        usage=SqlUsageStore(parts.engines.database, parts.now),
        not_ready=parts.not_ready,
        warnings=parts.warnings,
        heartbeat_seconds=settings.heartbeat_seconds,
        # The settings are about the embedded store; Redis writes its file, and syncs it later.
        durability="process" if parts.engines.shared else settings.durability,
        version=VERSION,
    )
