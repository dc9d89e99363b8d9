"""What a model is asked, whichever door it comes through."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from llmchat import domain
from llmchat.chat import service
from llmchat.domain import OnBusy
from llmchat.store.drafts import Asker, IdempotencyKey
from llmchat.wire.bounds import ModelId
from llmchat.wire.contents import Content, ToolResult
from llmchat.wire.params import Body, Params


class Ask(Body):
    model: ModelId | None = None
    """`provider/name`; when left out, the conversation's, then the server's default."""
    params: Params | None = None
    on_busy: Annotated[OnBusy, Field(strict=False)] = OnBusy.REJECT
    """When the conversation already has a live generation: `reject` with 409, `queue` behind it, or
    `interrupt` it."""

    def to_ask(self, idempotency: IdempotencyKey | None, asker: Asker | None = None) -> service.Ask:
        params = self.params.to_domain() if self.params else domain.Params()
        return service.Ask(self.model, params, self.on_busy, idempotency, asker=asker)


class Question(Ask):
    """A content, or what tools gave: one of both."""

    # Before the content, whose check asks for it.
    tool_results: Annotated[list[ToolResult], Field(min_length=1, max_length=128)] | None = None
    """In place of a content: what came of the tool calls of the message before, each call once.
    `[{"tool_call_id": "call_1", "content": "21 °C"}]`"""
    content: Annotated[Content | None, Field(validate_default=True)] = None
    """A text, or a list of parts: texts, and images as data URLs, `{"type": "image_url",
    "image_url": {"url": "data:image/png;base64,…"}}`. At most 32, and 16 of them images."""

    @property
    def results(self) -> Sequence[domain.ToolResult]:
        return [domain.ToolResult(r.tool_call_id, r.content) for r in self.tool_results or ()]

    @field_validator("content", mode="after")
    @classmethod
    def _one_of_both(cls, content: Any, info: ValidationInfo) -> Any:
        # What is wrong in the results is told by itself.
        results = info.data.get("tool_results", ())
        if content is None and results is None:
            raise ValueError("Field required; or `tool_results`, to answer tool calls")
        if content is not None and results is not None:
            raise ValueError("either `content` or `tool_results`, not both: results stand for it")
        return content
