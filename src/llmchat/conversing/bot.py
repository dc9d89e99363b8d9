"""Messages in, replies out: what stands between a messenger's callback and the conversations."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from llmchat.conversing.answer import Answer
from llmchat.conversing.asking import Choices, Picture
from llmchat.conversing.chats import Chats
from llmchat.conversing.conversation import Conversation
from llmchat.domain import OnBusy
from llmchat.errors import Invalid

OnText = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that has come in. `session` is the place that it came from, by its name there."""

    session: str
    text: str
    images: Sequence[Picture]
    conversation: Conversation


Handler = Callable[[Incoming], Awaitable[str | None]]
"""Gives the reply, or None to leave it to the next handler, and at last to the model."""
H = TypeVar("H", bound=Handler)


class Bot:
    """One conversation for each place that messages come from.

        bot = Bot(chat, system_prompt="Be brief.")

        @bot.on_message
        async def commands(message):
            if message.text == "/new":
                await message.conversation.clear()
                return "Forgotten."

        reply = await bot.receive("telegram:4711", "Hello")     # in the messenger's own callback

    Messages of one place are answered one behind the other, those of different places at once.
    """

    def __init__(
        self,
        chats: Chats,
        *,
        system_prompt: str | None = None,
        model: str | None = None,
        params: Choices | None = None,
        seconds_between_texts: float = 1.0,
    ) -> None:
        """`seconds_between_texts`: messengers allow few edits of a message in a second."""
        if not 0 <= seconds_between_texts <= 3600:
            raise Invalid(f"{seconds_between_texts} is no number of seconds from 0 to 3600.")
        self._chats = chats
        self._system_prompt = system_prompt
        self._model = model
        self._params = params
        self._seconds_between_texts = seconds_between_texts
        self._handlers: list[Handler] = []

    def on_message(self, handler: H) -> H:
        """Ask this for a reply, before the model and behind the handlers that were there before."""
        self._handlers.append(handler)
        return handler

    async def receive(
        self,
        session: str,
        text: str,
        *,
        images: Sequence[Picture] = (),
        key: str | None = None,
        on_text: OnText | None = None,
    ) -> str:
        """The reply to a message from there, when it is whole.

        `on_text` is called with all of the text so far, now and then while it is written. `key` is
        the messenger's own id of the message in that session: one that is delivered twice is
        answered once, and the reply is the same; handlers see it twice. Raises GenerationFailed,
        and what Conversation.send does.
        """
        conversation = await self._chats.session(
            session, system_prompt=self._system_prompt, model=self._model, params=self._params
        )
        incoming = Incoming(session, text, images, conversation)
        for handler in self._handlers:
            if (reply := await handler(incoming)) is not None:
                return reply
        # Messengers count their messages in each chat anew.
        own = None if key is None else sha256(f"{session}\0{key}".encode()).hexdigest()
        answer = await conversation.send(text, images=images, on_busy=OnBusy.QUEUE, key=own)
        if on_text is not None:
            await self._show(answer, on_text)
        return await answer.text()

    async def _show(self, answer: Answer, on_text: OnText) -> None:
        now = asyncio.get_running_loop().time
        due = now() + self._seconds_between_texts
        async with aclosing(answer.texts()) as texts:
            async for text in texts:
                if now() >= due:
                    await on_text(text)
                    due = now() + self._seconds_between_texts
