"""Answers that are written whether or not anybody reads them, and kept."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from uuid import uuid4

from llmchat.mock.answer import Answer, Pace, Usage
from llmchat.mock.ledger import Ledger, ResponseRecord
from llmchat.mock.options import Options
from llmchat.mock.responses_wire import Event, Output, frame, is_token, response_json
from llmchat.tasks import TaskSet, cancel

RESPONSE_KINDS = {
    "response-failed": "the answer itself fails after `after` tokens",
    "response-filtered": "the answer is incomplete after `after` tokens: content_filter",
    "response-gone": "after `after` tokens it is lost: its stream is cut, and then 404",
    "ignore-cursor": "starting_after is ignored: every stream begins with the first event",
    "no-replay": "an answer that was begun is not streamed again: 400",
}
"""What else can go wrong with a kept answer."""
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class KeptResponse:
    """One answer; every event that was ever sent of it is kept with its number."""

    def __init__(
        self, model: str, options: Options, record: ResponseRecord, ledger: Ledger, *, asked: bool
    ) -> None:
        self.id = record.id
        self.model = model
        self.options = options
        self.ended = False
        self.gone = False
        self._record = record
        self._ledger = ledger
        self._background = asked
        self._frames: list[tuple[bytes, bool]] = []
        self._output = Output(self.id)
        self._usage: Usage | None = None
        self._reason: str | None = None
        self._changed = asyncio.Event()
        self._tell("response.created")

    @property
    def status(self) -> str:
        return self._record.status

    def as_json(self) -> dict[str, Any]:
        return response_json(
            self.id,
            self.model,
            self.status,
            self._output.items,
            background=self._background,
            usage=self._usage,
            reason=self._reason,
        )

    async def read(self, after: int) -> AsyncGenerator[tuple[int, bytes, bool], None]:
        """Number, frame, and whether it is a token: those behind `after`, as they come."""
        number = after + 1
        while True:
            if number < len(self._frames):
                yield number, *self._frames[number]
                number += 1
            elif self.ended or self.gone:
                return
            else:
                await self._changed.wait()

    async def write(self, answer: Answer, prompt_tokens: int) -> None:
        self._record.status = "in_progress"
        self._tell("response.in_progress")
        pace = Pace(self.options)
        for number, piece in enumerate(answer):
            await pace.due(number)
            if number == self.options.after and self._goes_wrong():
                return
            for event in self._output.piece(piece):
                self._add(event)
            self._record.tokens += 1
            self._ledger.changed()
        reason = _REASONS.get(answer.finish_reason())
        tokens = self._record.tokens
        self._usage = Usage(prompt_tokens, tokens, min(tokens, answer.reasoning_tokens))
        self._end("incomplete" if reason else "completed", reason)

    def cancel(self) -> None:
        """Its stream ends without another word: there is no event for this."""
        self._record.cancels += 1
        if not self.ended:
            self._record.status = "cancelled"
            self.ended = True
        self._wake()

    def _goes_wrong(self) -> bool:
        match self.options.fail:
            case "response-failed":
                self._end("failed")
            case "response-filtered":
                self._end("incomplete", "content_filter")
            case "response-gone":
                self.gone = True
                self._wake()
            case _:
                return False
        return True

    def _end(self, status: str, reason: str | None = None) -> None:
        for event in self._output.close("completed" if status == "completed" else "incomplete"):
            self._add(event)
        self._record.status, self._reason = status, reason
        self._tell(f"response.{status}")
        self.ended = True
        self._wake()

    def _tell(self, kind: str) -> None:
        self._add({"type": kind, "response": self.as_json()})

    def _add(self, event: Event) -> None:
        numbered = {"type": event["type"], "sequence_number": len(self._frames), **event}
        self._frames.append((frame(numbered), is_token(event)))
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._ledger.changed()


class KeptResponses:
    """All of one server, which lose nothing but with it."""

    def __init__(self, ledger: Ledger, tasks: TaskSet) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._kept: dict[str, KeptResponse] = {}
        self._by_key: dict[str, KeptResponse] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def get(self, id: str) -> KeptResponse | None:
        kept = self._kept.get(id)
        return None if kept is None or kept.gone else kept

    def made_with(self, key: str | None) -> KeptResponse | None:
        """What the same Idempotency-Key has made before."""
        return None if key is None else self._by_key.get(key)

    def create(
        self,
        model: str,
        options: Options,
        answer: Answer,
        *,
        prompt_tokens: int,
        background: bool,
        key: str | None,
    ) -> KeptResponse:
        record = ResponseRecord(f"resp_{uuid4().hex}", model)
        self._ledger.responses.append(record)
        kept = KeptResponse(model, options, record, self._ledger, asked=background)
        self._kept[kept.id] = kept
        if key is not None:
            self._by_key[key] = kept
        work = kept.write(answer, prompt_tokens)
        self._writing[kept.id] = self._tasks.start(work, name="mock response")
        return kept

    async def cancel(self, kept: KeptResponse) -> None:
        await cancel(self._writing[kept.id])
        kept.cancel()
