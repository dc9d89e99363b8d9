"""A title for a conversation after its first answer, made by a model in the background."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from llmchat.access.usage import Purpose, Spender
from llmchat.chat.feed import ConversationChanged
from llmchat.chat.news import News
from llmchat.chat.observing import Answer, End, Observer
from llmchat.chat.spending import Spending
from llmchat.chat.titling import cleaned, title_prompt
from llmchat.domain import Generation, Message, Params, Role, Status
from llmchat.errors import LlmchatError, UpstreamRejected
from llmchat.events import Delta
from llmchat.metering import AttemptStatus
from llmchat.prompts import Prompt
from llmchat.providers.base import Models, Provider, Restarted
from llmchat.store.base import ConversationStore
from llmchat.tasks import TaskSet

_log = structlog.get_logger(__name__)

_MOST_ASKED_AT_ONCE = 4
# Most of these only see that there is a title already.
_MOST_LOOKED_AT = 256
_MOST_SECONDS = 60
_MOST_CHARS = 8000
# A title has ten. The rest is for a model that thinks although it was asked not to.
_PARAMS = Params(temperature=0, max_tokens=300, skip_thinking=True)
# Some models take no temperature but their own, and no limit that includes their thoughts.
_PLAIN_PARAMS = Params(skip_thinking=True)


class Titles(Observer):
    """Asks the model that is named `by`; for `auto` the one that answered, for `off` none. What
    goes wrong is logged and forgotten."""

    def __init__(
        self,
        conversations: ConversationStore,
        models: Models,
        news: News,
        spending: Spending,
        *,
        by: str,
    ) -> None:
        self._spending = spending
        self._conversations = conversations
        self._models = models
        self._news = news
        self._by = by
        self._asked = 0
        self._tasks = TaskSet()

    async def __aenter__(self) -> "Titles":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.cancel_all()

    def ended(self, answer: Answer, end: End) -> None:
        generation = answer.generation
        if generation is None or self._by == "off" or end.terminal.status != "complete":
            return
        if len(self._tasks) < _MOST_LOOKED_AT:
            self._tasks.spawn(self._try(generation), name=f"title {generation.conversation_id}")

    async def _try(self, generation: Generation) -> None:
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                await self._make(generation)
        except (LlmchatError, TimeoutError) as error:
            _log.info(
                "A conversation got no title",
                conversation_id=generation.conversation_id,
                problem=error.problem().type if isinstance(error, LlmchatError) else "timeout",
            )

    async def _make(self, generation: Generation) -> None:
        owner, id = generation.owner, generation.conversation_id
        if (await self._conversations.get(owner, id)).title is not None:
            return
        said = _first_turn(await self._conversations.branch(generation.message_id))
        if said is None:
            return
        if self._asked >= _MOST_ASKED_AT_ONCE:
            _log.info("Too many titles at once: one is left out", conversation_id=id)
            return
        self._asked += 1
        try:
            title = cleaned(await self._ask(generation, *said))
        finally:
            self._asked -= 1
        if title and (titled := await self._conversations.add_title(owner, id, title)):
            self._news.announce(owner, id, ConversationChanged(titled))

    async def _ask(self, generation: Generation, question: str, answer: str) -> str:
        model = generation.model if self._by == "auto" else self._by
        provider, name = self._models.resolve(model)
        wanted = title_prompt(name, question, answer)
        prompt = replace(wanted, owner=generation.owner, background=True)
        # Who asked the question pays for its title, and nobody goes without one for want of money.
        payer = Spender(generation.asked_by or generation.owner, generation.key_id)
        async with self._spending.call(
            model,
            prompt,
            purpose=Purpose.TITLE,
            spender=payer,
            conversation_id=generation.conversation_id,
        ) as call:
            prompt = replace(prompt, meter=call.meter)
            call.ended = AttemptStatus.FAILED
            try:
                title = await _answer(provider, replace(prompt, params=_PARAMS))
            except UpstreamRejected:
                title = await _answer(provider, replace(prompt, params=_PLAIN_PARAMS))
            call.ended = AttemptStatus.COMPLETE
            return title


def _first_turn(branch: Sequence[Message]) -> tuple[str, str] | None:
    """Question and answer, when the last of these messages is the first answer."""
    spoken = [message for message in branch if message.content]
    answers = [
        message
        for message in spoken
        if message.role is Role.ASSISTANT and message.status is Status.COMPLETE
    ]
    questions = [message for message in spoken if message.role is Role.USER]
    if not questions or [answer.id for answer in answers] != [branch[-1].id]:
        return None
    return questions[-1].content, answers[0].content


async def _answer(provider: Provider, prompt: Prompt) -> str:
    """Of a runaway only the beginning."""
    pieces: list[str] = []
    async with aclosing(provider.stream(prompt)) as batches:
        async for batch in batches:
            for event in batch:
                match event:
                    case Delta(text, "answer"):
                        pieces.append(text)
                    case Restarted():
                        pieces.clear()
            if sum(map(len, pieces)) > _MOST_CHARS:
                break
    return "".join(pieces)
