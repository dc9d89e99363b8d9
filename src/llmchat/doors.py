"""What the doors get of it: the services that their routes call."""

from llmchat import answering, entrance
from llmchat.chat.asking import AskingService
from llmchat.chat.experimenting import ExperimentingService
from llmchat.chat.history import HistoryService
from llmchat.chat.items import ItemService
from llmchat.chat.library import LibraryService
from llmchat.chat.oversight import Oversight
from llmchat.chat.quota import Quota
from llmchat.chat.responses import ResponseService
from llmchat.chat.service import ChatService
from llmchat.chat.sharing import SharingService
from llmchat.chat.speaking import Speaking
from llmchat.chat.stopping import Stopping
from llmchat.chat.templating import TemplatingService
from llmchat.parts import VERSION, Parts
from llmchat.store.archives import SqlArchiveStore
from llmchat.store.clientmessages import SqlClientMessages
from llmchat.store.experiments import SqlExperimentStore
from llmchat.store.feedback import SqlFeedbackStore
from llmchat.store.figures import SqlFigureStore
from llmchat.store.items import SqlItemStore
from llmchat.store.members import SqlMemberStore
from llmchat.store.notes import SqlNoteStore
from llmchat.store.oversight import SqlOversightStore
from llmchat.store.responses import SqlResponseStore
from llmchat.store.templates import SqlTemplateStore
from llmchat.store.usage import SqlUsageStore
from llmchat.web.deps import Services
from llmchat.web.places import Places
from llmchat.web.watched import Figures, Onlooker


def services_of(parts: Parts, onlooker: Onlooker, figures: Figures) -> Services:
    settings, database, log = parts.settings, parts.engines.database, parts.engines.log
    conversations, generations, news = parts.conversations, parts.generations, parts.news
    stopping = Stopping(parts.runner, parts.recovery, generations)
    quota = Quota(generations, settings.max_live_generations)
    chat = _chat(parts, stopping, quota)
    history = HistoryService(conversations=conversations, log=log, stopping=stopping, news=news)
    templates = SqlTemplateStore(database, parts.now)
    experiments = SqlExperimentStore(database, parts.now)
    return Services(
        door=entrance.door(settings, parts.entrance),
        keys=parts.entrance.keys,
        audit=parts.entrance.audit,
        places=Places(per_caller=settings.max_streams_per_caller, in_all=settings.max_streams),
        chat=chat,
        speaking=_speaking(parts, chat),
        rooms=parts.rooms,
        socket_origins=settings.cors_origins or (),
        asking=_asking(parts, quota),
        history=history,
        library=LibraryService(SqlArchiveStore(database, parts.now), history),
        feedback=SqlFeedbackStore(database, parts.now),
        responses=_responses(parts, chat, history),
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
        spending=parts.spending,
        oversight=_oversight(parts, stopping),
        templates=templates,
        templating=TemplatingService(templates, experiments, parts.models, history),
        experiments=experiments,
        experimenting=ExperimentingService(experiments, SqlFigureStore(database), templates),
        not_ready=parts.not_ready,
        warnings=parts.warnings,
        onlooker=onlooker,
        figures=figures,
        heartbeat_seconds=settings.heartbeat_seconds,
        # The settings are about the embedded store; Redis writes its file, and syncs it later.
        durability="process" if parts.engines.shared else settings.durability,
        version=VERSION,
    )


def _responses(parts: Parts, chat: ChatService, history: HistoryService) -> ResponseService:
    return ResponseService(
        chat,
        history,
        parts.conversations,
        parts.generations,
        SqlResponseStore(parts.engines.database),
        parts.engines.log,
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


def _oversight(parts: Parts, stopping: Stopping) -> Oversight:
    return Oversight(
        store=SqlOversightStore(parts.engines.database, parts.now),
        generations=parts.generations,
        log=parts.engines.log,
        runner=parts.runner,
        stopping=stopping,
        now=parts.now,
    )


def _asking(parts: Parts, quota: Quota) -> AskingService:
    return AskingService(
        models=parts.models,
        runner=parts.runner,
        quota=quota,
        budget=parts.budget,
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
