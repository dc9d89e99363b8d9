"""What a model is asked: messages and parameters, and what a turn may bring of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from llmchat.domain import Json, Params, Part, Role
from llmchat.events import ToolCall
from llmchat.ids import MessageId, OwnerId
from llmchat.metering import Meter

_GO_ON = (
    "Your last message broke off. Go on exactly where it ends, in the middle of a word if need be: "
    "repeat nothing of it, and say nothing about this."
)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """`content` is all of its text. `parts` is the same text in pieces with the images between
    them, where there are images. An assistant's message may call tools, with whole calls; what came
    of one is a message of the role `tool` that names the call."""

    role: Role
    content: str
    parts: Sequence[Part] = ()
    tool_calls: Sequence[ToolCall] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn begins with that is not one question: any messages, which become messages of the
    conversation in their order. `instructions` are what a model is told first for this one answer,
    instead of the conversation's system prompt; `request` is what a door repeats of it later."""

    messages: Sequence[PromptMessage]
    instructions: str | None = None
    request: Json | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What a door keeps of the request that a generation answers: what it repeats, and the messages
    that came with it. One that was `deleted` is shown no more; its text stays in its conversation.
    """

    request: Json
    inputs: Sequence[MessageId]
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a provider gets: its own name of the model, the messages, the parameters.

    `owner` is who asks: an answer may be kept for them, and for nobody else. `key` stands for this
    one answer, however often it is attempted. `mark` is of a delta that an earlier attempt gave:
    a provider that `resumes` gives what follows it. `alone` is whoever is asked while nobody else
    could answer. The `meter` takes every request that the answer takes. `repeatable` is what the
    answer may repeat at its beginning, and should not. `anew` is asked by whoever has an answer to
    this already and wants another: one that was kept is none. `background`
    is what nobody waits for: it makes room for whoever does.
    """

    model: str
    messages: Sequence[PromptMessage]
    params: Params = field(default_factory=Params)
    owner: OwnerId | None = None
    key: str | None = None
    mark: str | None = None
    alone: bool = True
    meter: Meter | None = field(default=None, compare=False, repr=False)
    repeatable: str = ""
    anew: bool = False
    background: bool = False

    def prefilled(self, answer: str) -> "Prompt":
        """The same, with the beginning of its answer: the model is to go on with that."""
        if not answer:
            return self
        begun = PromptMessage(Role.ASSISTANT, answer)
        return replace(self, messages=[*self.messages, begun])

    def asked_to_go_on(self, answer: str) -> "Prompt":
        """The same for a model that answers a prefilled prompt anew: it is told in words."""
        if not answer:
            return self
        wish = PromptMessage(Role.USER, _GO_ON)
        begun = self.prefilled(answer)
        return replace(begun, messages=[*begun.messages, wish], repeatable=answer)
