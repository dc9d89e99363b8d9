"""One sitting at a terminal: questions in, answers out, and what Ctrl-C means when."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from llmchat.client import Client
from llmchat.conversing.answer import Answer
from llmchat.conversing.conversation import Conversation
from llmchat.domain import Message, OnBusy, Role, Status
from llmchat.errors import Invalid, LlmchatError, NotFound
from llmchat.talk.screen import Screen
from llmchat.talk.state import State
from llmchat.tasks import TaskSet

T = TypeVar("T")

LEFT = 130
"""The exit code of who leaves by Ctrl-C."""
_MOST_CHARS = 512 * 1024
_PROMPT = "> "


class Session:
    """Waits for a line without the event loop, so that the terminal's own editing and Ctrl-C work
    as everywhere; everything else runs in the loop."""

    def __init__(
        self, runner: asyncio.Runner, client: Client, screen: Screen, state: State
    ) -> None:
        self._runner = runner
        self._client = client
        self._screen = screen
        self._state = state
        self._stopping = TaskSet()
        self._on_interrupt: Callable[[], None] | None = None

    def begin(self, wanted: str | None, *, new: bool) -> Conversation:
        """The conversation that was asked for, or the last one; or a new one. Raises LlmchatError
        when the service is not there or lets nobody in."""
        return self._runner.run(self._begin(wanted, new=new))

    def converse(self, conversation: Conversation, model: str | None) -> int:
        """Until somebody leaves; the exit code."""
        with suppress(ImportError):
            import readline  # noqa: F401, PLC0415 - editing, where the system has it
        if not self._run(self._come_back(conversation)):
            return LEFT
        while True:
            try:
                text = input(_PROMPT if self._screen.live else "")
            except EOFError:
                self._screen.note("")
                return 0
            except KeyboardInterrupt:
                self._screen.note("")
                return LEFT
            if text.strip() and not self._run(self._ask(conversation, text, model)):
                return LEFT

    def answer_once(self, conversation: Conversation, text: str, model: str | None) -> int:
        """One message; the exit code says whether the answer is whole."""
        status: list[Status] = []
        if not self._run(self._ask(conversation, text, model, status)):
            return LEFT
        return 0 if status in ([Status.COMPLETE], [Status.STOPPED]) else 1

    async def _begin(self, wanted: str | None, *, new: bool) -> Conversation:
        conversation = None if new else await self._known(wanted)
        if conversation is None:
            conversation = await self._client.create()
        self._state.remember(self._client.url, conversation.id)
        return conversation

    async def _known(self, wanted: str | None) -> Conversation | None:
        if wanted is not None:
            return await self._client.conversation(wanted)
        last = self._state.conversation(self._client.url)
        try:
            return None if last is None else await self._client.conversation(last)
        except (NotFound, Invalid):
            self._screen.note("The last conversation is not there any more; this is a new one.")
            return None

    async def _come_back(self, conversation: Conversation) -> None:
        title = (await conversation.details()).title
        self._screen.note(f"{title or conversation.id}: Ctrl-C stops an answer, Ctrl-D leaves.")
        last: list[Message] = []
        async for message in conversation.history(newest_first=True):
            last.append(message)
            if message.role is Role.USER or len(last) == 2:
                break
        question = last[-1] if last else None
        reply = last[0] if len(last) > 1 and last[0].role is Role.ASSISTANT else None
        if reply is None or not reply.status.live or reply.generation_id is None:
            self._screen.exchange(question, reply)
            return
        self._screen.exchange(question, None)
        await self._show(await self._client.answer(reply.generation_id))

    async def _ask(
        self,
        conversation: Conversation,
        text: str,
        model: str | None,
        ended: list[Status] | None = None,
    ) -> None:
        answer = await conversation.say(text, model=model, on_busy=OnBusy.QUEUE)
        if answer is None:
            self._screen.note("(sent; the model answers when you call it: @model)")
        elif ended is None:
            await self._show(answer)
        else:
            ended.append(await self._show(answer))

    async def _show(self, answer: Answer) -> Status:
        def stop() -> None:
            self._screen.note("Stopping; Ctrl-C again leaves.")
            self._stopping.spawn(answer.stop(), name="stop")

        self._on_interrupt = stop
        return await self._screen.show(answer)

    def _run(self, work: Coroutine[Any, Any, object]) -> bool:
        """Whether to go on: False when somebody has left. What goes wrong is said."""
        return self._runner.run(self._interruptible(work))

    async def _interruptible(self, work: Coroutine[Any, Any, object]) -> bool:
        working = asyncio.ensure_future(work)
        self._on_interrupt = None

        def interrupted() -> None:
            first, self._on_interrupt = self._on_interrupt, None
            if first is None:
                working.cancel()
            else:
                first()

        try:
            with _on(signal.SIGINT, interrupted):
                await asyncio.wait([working])
            working.result()
        except asyncio.CancelledError:
            return False
        except LlmchatError as error:
            if not sys.stdin.isatty():
                raise
            self._screen.error(error)
        finally:
            await self._stopping.cancel_all()
        return True


@contextmanager
def _on(number: signal.Signals, handle: Callable[[], None]) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def piped() -> str:
    """All of standard input, as one message. Raises Invalid for what is none."""
    # Its bytes: in some locales Python makes something of what is no text.
    data = sys.stdin.buffer.read(4 * _MOST_CHARS + 1)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if len(data) <= 4 * _MOST_CHARS:
            raise Invalid("What comes from the pipe is not text in UTF-8.") from None
        text = data.decode(errors="replace")
    if len(text) > _MOST_CHARS:
        raise Invalid(f"A message has at most {_MOST_CHARS} characters.")
    if not text.strip():
        raise Invalid("There is no message in the pipe: echo Hello | llmchat chat.")
    return text.removesuffix("\n")
