"""An answer that is being written, or was: to be awaited, followed, stopped, come back to."""

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing

from llmchat.conversing.asking import Choices, ask_fields
from llmchat.conversing.base import Service, Standing
from llmchat.domain import Message, OnBusy, Status
from llmchat.errors import GenerationFailed, Invalid, LlmchatError, LogGone, NotFound
from llmchat.events import Delta, Entry, Failed, Finished, Reset, Started, Usage
from llmchat.ids import ConversationId, GenerationId, MessageId, new_id
from llmchat.problem import Problem


class AnswerReset(LlmchatError):
    """Another attempt replaced the answer whose pieces were being read. Those are worth nothing
    now: begin again with the first."""

    type = "answer_reset"
    title = "Another attempt replaced the answer"
    status = 409


class Answer:
    """An answer is written whether anybody reads it or not: to leave it changes nothing, and any
    number of readers, now, later or elsewhere, get the same text.

        async for piece in answer:      # as it comes; from its beginning, whenever you begin
            print(piece, end="")
        text = await answer             # all of it, when it is there

    `status`, `usage`, `finish_reason` and `error` are as far as it was read here; an answer that
    was awaited has ended. One that failed, or was interrupted, raises GenerationFailed where a
    text is asked for; `so_far` has what there is of it. One that was stopped is what it is.
    """

    def __init__(
        self, service: Service, standing: Standing, *, question: Message | None = None
    ) -> None:
        self._service = service
        self.id: GenerationId = standing.id
        self.conversation_id: ConversationId = standing.conversation_id
        self.message_id: MessageId = standing.message_id
        self.question = question
        """The message that it answers, where it was sent from here."""
        self.status: Status = standing.status
        self.model: str = standing.model
        self.usage: Usage | None = standing.usage
        self.finish_reason: str | None = standing.finish_reason
        self.error: Problem | None = standing.error
        self.so_far: str = standing.text
        """Its text when it was last looked at: all of it, once it was awaited."""
        self._reset_at = 0

    def __repr__(self) -> str:
        return f"<Answer {self.id} {self.status}>"

    def __await__(self) -> Generator[object, None, str]:
        return self.text().__await__()

    def __aiter__(self) -> AsyncGenerator[str, None]:
        return self.pieces()

    async def stream(self, *, after: int = 0) -> AsyncGenerator[Entry, None]:
        """Every event behind the offset `after`, up to the end, with the offsets that it covers:
        `entry.last` is where to come back to. Lost connections and restarts of the service are
        not seen here. Raises LogGone when the log has expired, a day after its end."""
        async with aclosing(self._service.events(self.id, after=after)) as batches:
            async for batch in batches:
                for entry in batch:
                    self._note(entry)
                    yield entry

    async def texts(self) -> AsyncGenerator[str, None]:
        """The whole text so far, each time that it has changed: for what is shown in one place,
        such as a message that is edited. It is right also when another attempt takes over."""
        so_far = ""
        async with aclosing(self._changes()) as changes:
            async for again, text in changes:
                so_far = text if again else so_far + text
                yield so_far

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text in pieces, from its beginning; together they are the text. Raises AnswerReset
        when another attempt begins with another text: begin again, or use `texts`."""
        shown: list[str] = []
        async with aclosing(self._changes()) as changes:
            async for again, text in changes:
                piece = _behind("".join(shown), text) if again else text
                if piece:
                    shown.append(piece)
                    yield piece

    async def text(self) -> str:
        """All of it, when it has ended. Raises GenerationFailed."""
        await self.wait()
        self._raise_when_failed()
        return self.so_far

    async def wait(self) -> Status:
        """How it ended, when it has; raises nothing for one that failed."""
        if self.status.live:
            try:
                async with aclosing(self.stream()) as entries:
                    async for _ in entries:
                        pass
            except LogGone:
                pass
        await self._look()
        return self.status

    async def stop(self) -> Status:
        """End it and keep what there is. To stop what has ended changes nothing."""
        await self._service.stop(self.id)
        return await self.wait()

    async def message(self) -> Message:
        """The message that it became, when it has ended: with reasoning, tool calls and timing."""
        await self.wait()
        page = await self._service.messages(
            self.conversation_id, leaf=self.message_id, order="desc", limit=1, cursor=None
        )
        if not page.items:
            raise NotFound(f"The message {self.message_id} is no longer there.")
        return page.items[0]

    async def regenerate(
        self,
        *,
        model: str | None = None,
        params: Choices | None = None,
        on_busy: OnBusy | str | None = None,
    ) -> "Answer":
        """Another answer to the same question, beside this one."""
        fields = ask_fields(model=model, params=params, on_busy=on_busy)
        said = await self._service.regenerate(self.message_id, fields, key=new_id("again"))
        return answer_of(self._service, said.generation, said.message)

    async def go_on(self, *, params: Choices | None = None) -> "Answer":
        """An answer that goes on where this one was stopped, interrupted or cut by its length, and
        begins with all that it says. Raises Invalid for one that is complete."""
        fields = ask_fields(model=None, params=params)
        said = await self._service.go_on(self.message_id, fields, key=new_id("again"))
        return answer_of(self._service, said.generation, said.message)

    def _note(self, entry: Entry) -> None:
        match entry.event:
            case Started(model=model):
                self.status, self.model = Status.STREAMING, model
            case Reset():
                self._reset_at = max(self._reset_at, entry.first)
            case Finished(status, finish_reason, usage, model):
                self.status, self.usage = Status(status), usage
                self.finish_reason, self.model = finish_reason, model or self.model
            case Failed(status, problem, usage):
                self.status, self.usage, self.error = Status(status), usage, problem

    async def _changes(self) -> AsyncGenerator[tuple[bool, str], None]:
        """Each piece of the text, and whether it stands for all that came before. Raises
        GenerationFailed at its end."""
        began, reset_at = False, self._reset_at
        try:
            async with aclosing(self.stream()) as entries:
                async for entry in entries:
                    began = True
                    match entry.event:
                        case Delta() | Reset() if entry.last < reset_at:
                            pass  # Whoever begins again would be told again to do so.
                        case Delta(text=text, channel="answer") if text:
                            yield False, text
                        case Reset(text=text):
                            yield True, text
        except LogGone:
            if began:
                raise
            await self._look()
            yield True, self.so_far
        self._raise_when_failed()

    async def _look(self) -> None:
        now = await self._service.standing(self.id)
        self.status, self.model, self.usage = now.status, now.model, now.usage
        self.finish_reason, self.error, self.so_far = now.finish_reason, now.error, now.text

    def _raise_when_failed(self) -> None:
        if self.status in (Status.FAILED, Status.INTERRUPTED) and self.error is not None:
            raise GenerationFailed(self.error)


def _behind(shown: str, text: str) -> str:
    """What of the text is not shown yet. Raises AnswerReset."""
    if not text.startswith(shown):
        raise AnswerReset(
            "The model gave up this answer, and another attempt begins anew. Read the pieces again "
            "from the beginning, or use `texts`, which has no such end."
        )
    return text[len(shown) :]


def answer_of(service: Service, standing: Standing | None, question: Message) -> Answer:
    """Raises Invalid for a message that gets no answer."""
    if standing is None:
        raise Invalid(
            "In this conversation the model answers what calls it by name (@model). The message is "
            "stored, and gets no answer; `say` returns None for such."
        )
    return Answer(service, standing, question=question)
