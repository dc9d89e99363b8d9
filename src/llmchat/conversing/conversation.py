"""One conversation: to send to, to read, to change."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from llmchat.conversing.answer import Answer, answer_of
from llmchat.conversing.asking import Choices, Picture, ask_fields, content_fields
from llmchat.conversing.base import Said, Service
from llmchat.conversing.details import Details
from llmchat.conversing.happenings import Happening
from llmchat.conversing.names import checked_id, checked_key
from llmchat.domain import Message, MessageOrder, OnBusy, Params, ToolResult
from llmchat.ids import ConversationId, MessageId, new_id

_PAGE_MESSAGES = 200


class _Behind:
    """Goes on from the end of the active branch."""


BEHIND = _Behind()


class Conversation:
    """Holds an id and no state: any number of these may stand for the same conversation. Every
    method raises NotFound once it is deleted."""

    def __init__(self, service: Service, id: ConversationId) -> None:
        self._service = service
        self.id = id

    def __repr__(self) -> str:
        return f"<Conversation {self.id}>"

    async def send(
        self,
        text: str = "",
        *,
        images: Sequence[Picture] = (),
        tool_results: Sequence[ToolResult] = (),
        model: str | None = None,
        params: Choices | None = None,
        on_busy: OnBusy | str | None = None,
        parent_id: MessageId | str | _Behind | None = BEHIND,
        key: str | None = None,
    ) -> Answer:
        """Send a message; its answer has begun when this returns, and is there to be followed.

        `on_busy` says what to do when an answer is being written already: `reject` (raises Busy),
        `queue` or `interrupt`. `parent_id` is the message to go on from, None begins anew.
        `tool_results` stand for the text, when the answer before has called tools. For 24 hours the
        same `key` (of printable ASCII) with the same message is the same message: give one where
        your own caller may send twice. Raises what `say` does, and Invalid when there is no answer.
        """
        ask = ask_fields(model=model, params=params, on_busy=on_busy)
        said = await self._say(text, images, tool_results, ask, parent_id, key)
        return answer_of(self._service, said.generation, said.message)

    async def say(
        self,
        text: str = "",
        *,
        images: Sequence[Picture] = (),
        model: str | None = None,
        params: Choices | None = None,
        on_busy: OnBusy | str | None = None,
        key: str | None = None,
    ) -> Answer | None:
        """The same where people talk with each other, too: None when the conversation's
        `reply_mode` is `addressed`, and this does not call the model.

        Raises Busy, Invalid, UnknownModel, PromptTooLong, RateLimited, Unavailable.
        """
        fields = ask_fields(model=model, params=params, on_busy=on_busy)
        said = await self._say(text, images, (), fields, BEHIND, key)
        if said.generation is None:
            return None
        return answer_of(self._service, said.generation, said.message)

    async def history(
        self, *, leaf: MessageId | str | None = None, newest_first: bool = False
    ) -> AsyncGenerator[Message, None]:
        """The messages of the active branch, or of the one that ends at `leaf`."""
        order: MessageOrder = "desc" if newest_first else "asc"
        end = None if leaf is None else MessageId(checked_id(leaf))
        cursor: str | None = None
        while True:
            page = await self._service.messages(
                self.id, leaf=end, order=order, limit=_PAGE_MESSAGES, cursor=cursor
            )
            for message in page.items:
                yield message
            if (cursor := page.next_cursor) is None:
                return

    async def live(self) -> Sequence[Answer]:
        """The answers that are being written, or wait for their turn, the oldest first."""
        ids = await self._service.live(self.id)
        return [Answer(self._service, await self._service.standing(id)) for id in ids]

    def watch(self) -> AsyncGenerator[Happening, None]:
        """All that happens here from now on, whoever does it: messages, every answer as it is
        written, changes, and that somebody types.

        It begins with a Snapshot. Another one comes when something may have been missed, such as
        behind a lost connection: `history` has what was said meanwhile. Ends when the conversation
        is deleted; raises NotFound when it is not yours any more, Unavailable when the service
        stays away.
        """
        return self._service.watch(self.id)

    async def stop(self) -> None:
        """Stop whatever is being written, and what waits for its turn."""
        # The newest first: the end of an older one would begin the next.
        for id in reversed(await self._service.live(self.id)):
            await self._service.stop(id)

    async def details(self) -> Details:
        """Its title, settings and times."""
        return await self._service.get(self.id)

    async def change(self, **fields: Any) -> Details:
        """Set some of `title`, `system_prompt`, `model`, `params`, `metadata`, `reply_mode`,
        `archived`, `pinned` and `active_leaf`; None unsets. What is not named stays."""
        params = fields.get("params")
        if isinstance(params, Params):
            fields["params"] = params.as_json()
        return await self._service.change(self.id, fields)

    async def clear(self) -> None:
        """Delete the messages; the conversation and its settings stay."""
        await self._service.clear(self.id)

    async def delete(self) -> None:
        """Delete all of it; what is being written is stopped."""
        await self._service.delete(self.id)

    async def _say(
        self,
        text: str,
        images: Sequence[Picture],
        tool_results: Sequence[ToolResult],
        ask: Mapping[str, Any],
        parent_id: MessageId | str | _Behind | None,
        key: str | None,
    ) -> Said:
        fields = {**dict(content_fields(text, images, tool_results)), **ask}
        if not isinstance(parent_id, _Behind):
            fields["parent_id"] = parent_id
        own = checked_key(key) if key else new_id("send")
        return await self._service.say(self.id, fields, key=own)
