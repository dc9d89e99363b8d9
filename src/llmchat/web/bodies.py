"""What clients send, as /docs shows it."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body as BodyParameter
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from llmchat import domain
from llmchat.chat import service
from llmchat.domain import OnBusy, ReplyMode
from llmchat.ids import MessageId
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf, IdempotencyKey
from llmchat.web.bounds import CleanText, Id, JsonObject, Line, ModelId, Text
from llmchat.web.contents import Content, ToolResult
from llmchat.web.examples import IMAGE


class Body(BaseModel):
    """A request body: what it does not know, it refuses, and "1" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


def _text_or_object(value: Any) -> str:
    return "text" if isinstance(value, str) else "object"


ToolChoice = Annotated[
    Annotated[Line, Tag("text")] | Annotated[JsonObject, Tag("object")],
    # Without it, an error names every member of the union by its internal name.
    Discriminator(_text_or_object),
]


class Params(Body):
    """How to generate. What is left out comes from the conversation, then from the settings of the
    server, then from the model's own defaults."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely the model chooses."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of likely tokens that it chooses from."""
    max_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """The most tokens of the answer; one that is cut here has the `finish_reason` `length`."""
    stop: Annotated[list[Line], Field(max_length=16)] | None = None
    """Texts that end the answer."""
    seed: Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)] | None = None
    """The same seed gives the same answer, where the model can do that."""
    skip_thinking: bool | None = None
    """Do without the thinking of a reasoning model, and hide it where it thinks all the same."""
    response_format: JsonObject | None = None
    """As in OpenAI's API, for example `{"type": "json_object"}`."""
    tools: Annotated[list[JsonObject], Field(max_length=256)] | None = None
    """As in OpenAI's API."""
    tool_choice: ToolChoice | None = None
    """As in OpenAI's API: a text such as `auto`, or an object that names a tool."""
    extra: JsonObject | None = None
    """Passed to the provider as it is. The demo models take `tokens` and `tokens_per_second`."""

    def to_domain(self) -> domain.Params:
        return domain.Params(**self.model_dump(exclude_none=True))


class ConversationFields(Body):
    title: Line | None = None
    """For people, in lists."""
    system_prompt: Text | None = None
    """What every model in this conversation is told first."""
    model: ModelId | None = None
    """Answers when a message names none: `provider/name`, as `GET /api/llm/models` lists it."""
    params: Params | None = None
    metadata: JsonObject | None = None
    """Anything of yours: it is kept and given back."""
    reply_mode: Annotated[ReplyMode | None, Field(strict=False)] = None
    """Which messages the model answers: `always` all of them, `addressed` those with `@model` or
    `@` and its name; the others are for people. `always` unless set."""


class ConversationChange(ConversationFields):
    """Only what is named is changed; null unsets it."""

    archived: bool | None = None
    """A mark for lists, which show what is not archived unless they are asked."""
    pinned: bool | None = None
    """A mark for lists; it changes nothing else."""
    # Without a default that could be sent: no conversation with messages is without a branch.
    active_leaf: Id = Field(default_factory=str)
    """Any message of the conversation: the branch through it becomes the active one, down to the
    newest message behind it. What is sent next goes there."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "A quick fox", "archived": True}, {"model": "demo/story"}]
        }
    )

    def to_changes(self) -> dict[str, Any]:
        changes = {name: getattr(self, name) for name in self.model_fields_set}
        if "params" in changes:
            changes["params"] = self.params.to_domain() if self.params else domain.Params()
        # What is not nullable is unset by its empty value.
        if "metadata" in changes:
            changes["metadata"] = self.metadata or {}
        for mark in changes.keys() & {"archived", "pinned"}:
            changes[mark] = bool(changes[mark])
        if "reply_mode" in changes:
            changes["reply_mode"] = self.reply_mode or ReplyMode.ALWAYS
        return changes


class Ask(Body):
    model: ModelId | None = None
    """`provider/name`; when left out, the conversation's, then the server's default."""
    params: Params | None = None
    on_busy: Annotated[OnBusy, Field(strict=False)] = OnBusy.REJECT
    """When the conversation already has a live generation: `reject` with 409, `queue` behind it, or
    `interrupt` it."""

    def to_ask(self, idempotency: IdempotencyKey | None) -> service.Ask:
        params = self.params.to_domain() if self.params else domain.Params()
        return service.Ask(self.model, params, self.on_busy, idempotency)


class NewMessage(Ask):
    # Before the content, whose check asks for it.
    tool_results: Annotated[list[ToolResult], Field(min_length=1, max_length=128)] | None = None
    """In place of a content: what came of the tool calls of the message before, each call once.
    `[{"tool_call_id": "call_1", "content": "21 °C"}]`"""
    content: Annotated[Content | None, Field(validate_default=True)] = None
    """A text, or a list of parts: texts, and images as data URLs, `{"type": "image_url",
    "image_url": {"url": "data:image/png;base64,…"}}`. At most 32, and 16 of them images."""
    parent_id: Id | None = None
    """The message to go on from; when left out, the end of the active branch. Another message than
    that begins a branch, and null begins anew."""
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"content": "the quick brown fox", "model": "demo/echo"},
                {
                    "content": "Tell me a story",
                    "model": "demo/story",
                    "params": {"extra": {"tokens": 300, "tokens_per_second": 100}},
                    "on_busy": "queue",
                },
                {
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": IMAGE}},
                    ],
                    "model": "demo/echo",
                },
            ]
        }
    )

    @property
    def results(self) -> Sequence[domain.ToolResult]:
        return [domain.ToolResult(r.tool_call_id, r.content) for r in self.tool_results or ()]

    @property
    def parent(self) -> MessageId | ActiveLeaf | None:
        if "parent_id" not in self.model_fields_set:
            return ACTIVE_LEAF
        return None if self.parent_id is None else MessageId(self.parent_id)

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


class Regenerate(Ask):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"model": "demo/echo", "params": {"seed": 7}}]}
    )


class Continue(Ask):
    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"params": {"max_tokens": 500}}]})


# Nothing has to be said with these two, so that no body says it as well.
MaybeRegenerate = Annotated[Regenerate, BodyParameter(default_factory=Regenerate)]
MaybeContinue = Annotated[Continue, BodyParameter(default_factory=Continue)]


def _one_of_two(rating: int) -> int:
    if rating not in (1, -1):
        raise ValueError("Input should be 1 or -1")
    return rating


class NewFeedback(Body):
    # No Literal: `true` and 1.0 equal one.
    rating: Annotated[int, AfterValidator(_one_of_two), Field(json_schema_extra={"enum": [1, -1]})]
    """1 for a good answer, -1 for a bad one."""
    comment: Annotated[CleanText, Field(max_length=4096)] | None = None
    """Why, in your words."""
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"rating": 1}, {"rating": -1, "comment": "Too long."}]}
    )
