"""What clients send, as /docs shows it."""

from typing import Annotated, Any

from fastapi import Body as BodyParameter
from pydantic import AfterValidator, ConfigDict, Field

from llmchat import domain
from llmchat.domain import ReplyMode
from llmchat.ids import MessageId
from llmchat.store.drafts import ACTIVE_LEAF, ActiveLeaf
from llmchat.web.examples import IMAGE
from llmchat.wire.bounds import CleanText, Id, JsonObject, Line, ModelId, Text
from llmchat.wire.params import Body, Params
from llmchat.wire.questions import Ask, Question


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


class NewMessage(Question):
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
    def parent(self) -> MessageId | ActiveLeaf | None:
        if "parent_id" not in self.model_fields_set:
            return ACTIVE_LEAF
        return None if self.parent_id is None else MessageId(self.parent_id)


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
