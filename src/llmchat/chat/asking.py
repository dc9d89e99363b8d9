"""Questions that nobody stores: the caller brings the whole conversation, and keeps the answer."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import chain

from llmchat.chat.budget import Budget
from llmchat.chat.quota import Quota
from llmchat.chat.runner import Runner
from llmchat.domain import Params
from llmchat.errors import GenerationFailed, ShuttingDown
from llmchat.events import (
    Entry,
    Failed,
    Finished,
    Reset,
    Started,
    ToolCall,
    Transcript,
    answerable_calls,
)
from llmchat.ids import OwnerId
from llmchat.prompts import Prompt, PromptMessage
from llmchat.providers.base import Models, Provider


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer that nobody stored, and the model that wrote it."""

    model: str
    text: str
    reasoning: str
    tool_calls: Sequence[ToolCall]
    end: Finished
    logprobs: str | None = None


class AnswerStream:
    """An answer that is being written for one reader: closing it ends the answer, at the model's
    server as well."""

    def __init__(
        self,
        model: str,
        begun: Sequence[Entry],
        rest: AsyncGenerator[Sequence[Entry], None],
    ) -> None:
        self.model = model
        self._begun = begun
        self._rest = rest

    async def batches(self) -> AsyncGenerator[Sequence[Entry], None]:
        """Its log, as TokenLog.read gives it: with an empty batch now and then in silence."""
        yield self._begun
        async for batch in self._rest:
            yield batch

    async def aclose(self) -> None:
        await self._rest.aclose()


class AskingService:
    """Answers for whoever waits for them; one who leaves ends what was being written."""

    def __init__(
        self, *, models: Models, runner: Runner, quota: Quota, budget: Budget, defaults: Params
    ) -> None:
        self._models = models
        self._runner = runner
        self._quota = quota
        self._budget = budget
        self._defaults = defaults

    async def answer(
        self,
        owner: OwnerId,
        messages: Sequence[PromptMessage],
        model: str | None,
        params: Params,
    ) -> Answer:
        """Generate and wait, storing nothing. Raises Invalid, PromptTooLong, GenerationFailed,
        RateLimited, ShuttingDown."""
        model, provider, prompt = await self._asked(owner, messages, model, params)
        async with self._quota.place(owner):
            transcript = await self._runner.plain.answer(provider, prompt, model)
        end = _finished(transcript)
        calls = answerable_calls(transcript.tool_calls)
        return Answer(
            end.model or model,
            transcript.answer,
            transcript.reasoning,
            calls,
            end,
            transcript.logprobs,
        )

    async def stream(
        self,
        owner: OwnerId,
        messages: Sequence[PromptMessage],
        model: str | None,
        params: Params,
        *,
        idle_seconds: float,
    ) -> AnswerStream:
        """The same as it comes. When this returns there is something of it, or there was silence
        for `idle_seconds`: what fails at once is raised, and not in the stream."""
        model, provider, prompt = await self._asked(owner, messages, model, params)
        entries = self._entries(owner, provider, prompt, model, idle_seconds)
        try:
            return AnswerStream(model, await _begun(entries), entries)
        except BaseException:
            await entries.aclose()
            raise

    async def _asked(
        self, owner: OwnerId, messages: Sequence[PromptMessage], model: str | None, params: Params
    ) -> tuple[str, Provider, Prompt]:
        if self._runner.draining:
            raise ShuttingDown
        model = model or await self._models.default()
        provider, name = self._models.resolve(model)
        prompt = Prompt(name, messages, params.over(self._defaults), owner)
        self._budget.check(model, prompt.messages, prompt.params)
        return model, provider, prompt

    async def _entries(
        self, owner: OwnerId, provider: Provider, prompt: Prompt, model: str, idle_seconds: float
    ) -> AsyncGenerator[Sequence[Entry], None]:
        async with self._quota.place(owner):
            entries = self._runner.plain.stream(provider, prompt, model, idle_seconds=idle_seconds)
            try:
                async for batch in entries:
                    yield batch
            finally:
                await entries.aclose()


async def _begun(entries: AsyncGenerator[Sequence[Entry], None]) -> Sequence[Entry]:
    """What came up to the first that a reader would see."""
    batches: list[Sequence[Entry]] = []
    async for batch in entries:
        batches.append(batch)
        seen = [entry.event for entry in batch if not isinstance(entry.event, Started | Reset)]
        if seen and isinstance(failed := seen[0], Failed):
            raise GenerationFailed(failed.problem)
        if seen or not batch:
            break
    return list(chain.from_iterable(batches))


def _finished(transcript: Transcript) -> Finished:
    match transcript.terminal:
        case Finished() as end:
            return end
        case Failed(problem=problem):
            raise GenerationFailed(problem)
        case None:
            raise RuntimeError("the flow ended without a terminal")
